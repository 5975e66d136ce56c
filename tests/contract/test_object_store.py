"""One suite that every storage must pass; another storage is one more entry of `STORAGES`."""

import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.shared.errors import CorruptObjectError, ObjectNotFoundError, StorageError
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import ObjectStore
from deepchord.shared.storage.opening import open_object_store
from tests.servers import S3Server


def _s3(request: pytest.FixtureRequest) -> dict[str, str]:
    server: S3Server = request.getfixturevalue("s3_server")
    return {"DEEPCHORD_STORAGE": server.new_storage(), **server.variables()}


def _broker(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"DEEPCHORD_STORAGE": "broker://", "DEEPCHORD_BROKER": request.getfixturevalue("broker_url")}


def _path(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"DEEPCHORD_STORAGE": str(request.getfixturevalue("tmp_path") / "storage")}


def _file_url(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"DEEPCHORD_STORAGE": (request.getfixturevalue("tmp_path") / "storage with blanks").as_uri()}


#: The environment that names an empty storage.
STORAGES: dict[str, Callable[[pytest.FixtureRequest], dict[str, str]]] = {
    "a path": _path,
    "a file URL": _file_url,
    "S3": _s3,
    "the broker": _broker,
}

ROOT = Path(__file__).parents[2]

#: Takes its own number and how many keys; waits for a line, then tries to create each key.
CREATE = """
import sys
from deepchord.shared.storage.opening import open_object_store
from deepchord.shared.settings import load_settings
number, keys = sys.argv[1], int(sys.argv[2])
store = open_object_store(load_settings())
print("ready", flush=True)
sys.stdin.readline()
for key in range(keys):
    if store.create(f"race/{key:03d}", number.encode() * 5000):
        print(key)
"""

#: Takes how often; replaces one object by wholes of one letter each.
REPLACE = """
import sys
from deepchord.shared.storage.opening import open_object_store
from deepchord.shared.settings import load_settings
store = open_object_store(load_settings())
for time in range(int(sys.argv[1])):
    store.replace("one/object", b"abc"[time % 3: time % 3 + 1] * 400_000)
"""

NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,9}\Z")
BAD_KEYS = [
    "", "/", ".", "..", "../outside", "runs/../../outside", "runs/..", "/etc/passwd", "runs//record.json", "runs/",
    "./runs", "runs/.hidden", "run\0s", "run\ns", "runs\n", "runs\\record", "~/runs", "runs/é", "-runs",
]  # fmt: skip


@pytest.fixture(params=list(STORAGES))
def objects(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An empty storage, named by the environment, for the processes that a test starts, too."""
    for name, value in STORAGES[request.param](request).items():
        monkeypatch.setenv(name, value)
    return open_object_store(load_settings())


def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_storage_offers_what_the_protocol_asks_for(objects):
    assert isinstance(objects, ObjectStore)
    assert objects.url


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"x" * 3_000_000])
def test_what_is_created_can_be_read(objects, data):
    assert objects.create("runs/one/run.json", data)

    assert objects.get("runs/one/run.json") == data
    assert objects.exists("runs/one/run.json")


def test_what_is_larger_than_was_expected_is_not_read(objects):
    objects.create("runs/one/run.json", b"x" * 1001)

    assert len(objects.get("runs/one/run.json", 1001)) == 1001
    with pytest.raises(CorruptObjectError, match=r"one/run.json is damaged: it has 1,001 bytes, and at most 1,000 are"):
        objects.get("runs/one/run.json", 1000)


@pytest.mark.parametrize("data", [b"", b"x" * 20_000_000])
def test_a_storage_tells_whether_it_holds_the_same_bytes(objects, data):
    assert not objects.holds("datasets/one.npz", data)

    objects.create("datasets/one.npz", data)

    assert objects.holds("datasets/one.npz", data)
    assert not objects.holds("datasets/one.npz", data + b"x")
    assert not objects.holds("datasets/one.npz", b"other")
    if data and "://" not in objects.url:
        assert not objects.holds("datasets/one.npz", data[:-1] + b"y")


def test_what_exists_is_not_created_again(objects):
    objects.create("runs/one/run.json", b"first")

    assert not objects.create("runs/one/run.json", b"second")
    assert objects.get("runs/one/run.json") == b"first"


def test_what_exists_can_be_replaced(objects):
    objects.replace("weights", b"first, and longer")
    objects.replace("weights", b"second")

    assert objects.get("weights") == b"second"
    assert list(objects.list("")) == ["weights"]


def test_the_names_directly_below_a_prefix_are_listed_whatever_lies_deeper(objects):
    for key in ("runs/a/run.json", "runs/a/members/000/record.json", "runs/a-b/run.json", "runs/file", "other/x/y"):
        objects.create(key, b"")

    assert list(objects.folders("runs/")) == ["a", "a-b"]
    assert list(objects.folders("")) == ["other", "runs"]
    assert list(objects.folders("runs/a/members/000/")) == []
    assert list(objects.folders("absent/")) == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=6))
def test_folders_are_those_of_the_listed_keys(objects, keys):
    # No name may be an object's and a folder's, which a folder could not hold.
    keys = {key for key in keys if not any(other.startswith(f"{key}/") for other in keys)}
    # A storage in which earlier examples left nothing, not even a folder: a place of its own for each.
    place = f"{secrets.token_hex(8)}/"
    for key in keys:
        assert objects.create(place + key, b"")

    assert list(objects.folders(place)) == sorted({key.partition("/")[0] for key in keys if "/" in key})


def test_objects_are_listed_with_their_sizes_and_when_they_were_written_if_that_is_known(objects):
    assert list(objects.entries("runs/")) == []
    before = datetime.now(UTC)
    for key, data in (("runs/a/b", b"12345"), ("runs/a-b", b""), ("other", b"1")):
        objects.create(key, data)

    found = list(objects.entries("runs/"))

    assert [(entry.key, entry.size_bytes) for entry in found] == [("runs/a-b", 0), ("runs/a/b", 5)]
    assert [entry.key for entry in objects.entries("")] == list(objects.list(""))
    # S3 tells whole seconds.
    assert all(e.changed_at is None or abs(e.changed_at - before) < timedelta(minutes=5) for e in found)


def test_what_is_deleted_is_gone_however_often_it_is_deleted(objects):
    objects.create("runs/a/one", b"1")
    objects.create("runs/a/two", b"2")

    for _ in range(2):
        objects.delete("runs/a/one")
        objects.delete_leftovers("runs/a/")

    assert list(objects.list("")) == ["runs/a/two"]
    assert objects.create("runs/a/one", b"new")
    objects.delete("runs/a/one")
    objects.delete("runs/a/two")
    objects.delete_leftovers("runs/a/")
    if not objects.url.startswith("s3://"):  # SeaweedFS has folders, and goes on listing those that were emptied
        assert list(objects.folders("runs/")) == []
    assert list(objects.leftovers("")) == []


def test_what_is_not_there_is_named(objects):
    assert not objects.exists("runs/absent/run.json")

    with pytest.raises(ObjectNotFoundError, match=r"has no runs/absent/run\.json"):
        objects.get("runs/absent/run.json")


def test_a_folder_is_no_object(objects):
    objects.create("runs/one/run.json", b"{}")

    assert not objects.exists("runs/one")
    with pytest.raises(StorageError):
        objects.get("runs/one")


def test_an_empty_storage_lists_nothing(objects):
    assert list(objects.list("")) == []
    assert list(objects.list("runs/")) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.tuples(NAMES, NAMES), max_size=6))
def test_keys_are_listed_sorted_and_by_whole_folders(objects, names):
    expected = {f"listed/{folder}-/{name}" for folder, name in names}
    for key in expected:
        objects.replace(key, b"")

    found = list(objects.list("listed/"))

    assert found == sorted(found)
    assert expected <= set(found)
    for folder, _name in names:
        prefix = f"listed/{folder}-/"
        assert list(objects.list(prefix)) == [key for key in found if key.startswith(prefix)]


def test_a_folder_whose_name_only_begins_like_another_is_not_listed_with_it(objects):
    objects.create("runs/one/run.json", b"")
    objects.create("runs/one-more/run.json", b"")

    assert list(objects.list("runs/one/")) == ["runs/one/run.json"]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_could_lead_elsewhere_is_refused(objects, tmp_path, key):
    before = sorted(tmp_path.rglob("*"))

    for operation in (
        lambda: objects.create(key, b"x"),
        lambda: objects.replace(key, b"x"),
        lambda: objects.get(key),
        lambda: objects.exists(key),
        lambda: objects.holds(key, b""),
    ):
        with pytest.raises(StorageError, match="is no valid key"):
            operation()

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("prefix", ["../", "runs/../../", "/", "/etc/", "runs//"])
def test_a_prefix_that_could_lead_elsewhere_is_refused(objects, prefix):
    for operation in (objects.list, objects.entries):
        with pytest.raises(StorageError, match="is no valid key"):
            list(operation(prefix))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(max_size=300), data=st.binary(max_size=10))
def test_any_key_at_all_is_either_taken_as_it_is_or_refused(objects, key, data):
    try:
        objects.replace(f"any/{key}", data)
    except StorageError:
        return

    assert objects.get(f"any/{key}") == data
    assert f"any/{key}" in list(objects.list("any/"))


@pytest.mark.slow
def test_of_many_processes_that_create_the_same_object_exactly_one_wins(objects):
    keys = 60
    processes = [start(CREATE, number, keys) for number in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    wins = [process.communicate()[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0] * 8
    assert Counter(key for won in wins for key in won) == {str(key): 1 for key in range(keys)}
    for number, won in enumerate(wins):
        for key in won:
            assert objects.get(f"race/{int(key):03d}") == str(number).encode() * 5000
    assert len(list(objects.list("race/"))) == keys


@pytest.mark.slow
def test_a_reader_never_sees_half_an_object(objects):
    objects.replace("one/object", b"a" * 400_000)
    seen = Counter()

    with start(REPLACE, 200) as writer:
        while writer.poll() is None:
            data = objects.get("one/object")
            seen[bytes(sorted(set(data))), len(data)] += 1
            assert list(objects.list("one/")) == ["one/object"]

    assert writer.returncode == 0
    assert set(seen) <= {(letter, 400_000) for letter in (b"a", b"b", b"c")}


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_a_whole_object_or_none(objects):
    for _ in range(5):
        with start(REPLACE, 10_000) as writer:
            while not objects.exists("one/object"):
                assert writer.poll() is None
            writer.kill()
        data = objects.get("one/object")
        assert (len(data), len(set(data))) == (400_000, 1)
        assert list(objects.list("")) == ["one/object"]
