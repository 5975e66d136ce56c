"""Runs that are carried to another storage in a file, and files that nobody should trust."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.housekeeping import export_run, import_run
from deepchord.coordinator.housekeeping.archive import LIST, OBJECTS
from deepchord.coordinator.runs import cancel_run, resume_run
from deepchord.shared.datasets import load_dataset, publish_dataset
from deepchord.shared.datasets.shards import Sharding
from deepchord.shared.datasets.unlabelled import Images, publish_images
from deepchord.shared.errors import CorruptObjectError, DeepchordError, InputError
from deepchord.shared.messages import InitialWeights, StudySpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, input_keys, keys
from tests.coordinator.housekeeping.examples import NOW, evaluated, submitted
from tests.servers import S3Server
from tests.shared.datasets.examples import assert_same, small_dataset


def contents(store: RunStore) -> dict[str, bytes]:
    keys_of_all = (key for key in store.objects.list("") if not key.startswith(input_keys.PUBLICATIONS))
    return {key: store.objects.get(key) for key in keys_of_all}


@pytest.fixture
def elsewhere(tmp_path: Path) -> RunStore:
    return RunStore.open(Settings(storage=str(tmp_path / "elsewhere")))


@pytest.fixture
def exported(store: RunStore, tmp_path: Path) -> Path:
    run = evaluated(store, name="baseline")
    export_run(store, run, tmp_path / "run.zip")
    return tmp_path / "run.zip"


def test_a_run_arrives_elsewhere_as_it_was(store, elsewhere, tmp_path):
    run = evaluated(store, owner="alice@box", name="baseline")
    store.set_local(run.run_id, local=True)

    size = export_run(store, run, tmp_path / "run.zip")
    imported = import_run(elsewhere, tmp_path / "run.zip")

    assert size == (tmp_path / "run.zip").stat().st_size
    assert imported == run
    expected = contents(store)
    del expected[keys.local(run.run_id)]  # its broker and workers are not there
    assert contents(elsewhere) == expected
    assert elsewhere.find("baseline") == run
    with zipfile.ZipFile(tmp_path / "run.zip") as file:
        assert all(name == LIST or name.startswith(OBJECTS) for name in file.namelist())


def test_a_run_takes_along_all_that_it_and_its_studies_are_made_of(store, elsewhere, tmp_path):
    sharded = publish_dataset(small_dataset(), store, sharding=Sharding(one_file_bytes=0, shard_bytes=40))
    start = InitialWeights(sha256=store.inputs.publish_initial_weights(b"weights"), source="some.keras")
    run = submitted(store).model_copy(update={"run_id": "whole", "dataset": sharded, "initial_weights": start})
    store.create_run(run)
    unseen = publish_images(Images(name="other", pixels=np.zeros((2, 5, 4, 1), np.uint8)), store)
    study = StudySpec(run_id="whole", extension=0, name="ood", requested_at=NOW, unseen=unseen)
    store.study("whole", "ood").create(study)

    export_run(store, run, tmp_path / "run.zip")
    import_run(elsewhere, tmp_path / "run.zip")

    assert_same(load_dataset(sharded, elsewhere, tmp_path / "cache"), small_dataset())
    assert elsewhere.inputs.initial_weights(start.sha256) == b"weights"
    assert elsewhere.inputs.dataset(unseen.sha256) == store.inputs.dataset(unseen.sha256)
    assert elsewhere.run_ids() == ["whole"]
    store.objects.delete(input_keys.initial_weights(start.sha256))
    with pytest.raises(CorruptObjectError, match=r"Run whole in .* has lost .*, which it is made of"):
        export_run(store, run, tmp_path / "again.zip")
    assert not (tmp_path / "again.zip").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["S3", "the broker"])
def test_a_run_goes_from_any_storage_to_any_other(store, tmp_path, monkeypatch, broker_url, request, kind):
    settings = Settings(storage="broker://", broker=broker_url)
    if kind == "S3":
        server: S3Server = request.getfixturevalue("s3_server")
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        settings = Settings(storage=server.new_storage())
    there = RunStore.open(settings)
    run = evaluated(store)
    export_run(store, run, tmp_path / "there.zip")

    import_run(there, tmp_path / "there.zip")
    export_run(there, run, tmp_path / "back.zip")

    assert contents(there) == contents(store)
    with zipfile.ZipFile(tmp_path / "there.zip") as first, zipfile.ZipFile(tmp_path / "back.zip") as second:
        assert {n: first.read(n) for n in first.namelist() if n != LIST} == {
            n: second.read(n) for n in second.namelist() if n != LIST
        }


def test_a_cancelled_run_goes_on_elsewhere(store, elsewhere, tmp_path):
    run = submitted(store)
    cancel_run(store, run, "here")
    export_run(store, run, tmp_path / "run.zip")

    imported = import_run(elsewhere, tmp_path / "run.zip")

    assert elsewhere.is_cancelled(run.run_id)
    assert not elsewhere.is_cancelled(resume_run(elsewhere, imported).run_id)


def test_no_file_is_written_over_and_no_run_read_twice(store, elsewhere, exported):
    (run_id,) = store.run_ids()

    with pytest.raises(InputError, match=r"run.zip is there already: give another name"):
        export_run(store, store.run(run_id), exported)
    import_run(elsewhere, exported)
    before = contents(elsewhere)
    with pytest.raises(InputError, match=rf"There is a run {run_id} in .*elsewhere already: `deepchord delete"):
        import_run(elsewhere, exported)
    assert contents(elsewhere) == before


def test_an_import_that_broke_off_is_done_again(store, elsewhere, exported):
    (run_id,) = store.run_ids()
    elsewhere.objects.create(keys.record(run_id, 0), b"torn")

    import_run(elsewhere, exported)

    assert elsewhere.member(run_id, 0).record() == store.member(run_id, 0).record()


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a file anew with other contents; the list is that of the new contents unless the change wrote another."""
    with zipfile.ZipFile(path) as file:
        objects = {name: file.read(name) for name in file.namelist()}
    listed = objects[LIST]
    change(objects)
    if objects.get(LIST) == listed:
        contents = json.loads(listed)
        contents["objects"] = [
            {"key": name.removeprefix(OBJECTS), "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in objects.items()
            if name != LIST
        ]
        objects[LIST] = json.dumps(contents).encode()
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w", compression) as file:
        for name, data in objects.items():
            file.writestr(name, data)
    return other


def renamed(run_id: str) -> Callable[[dict[str, bytes]], None]:
    """Call the run by another id, in the list only."""

    def change(objects: dict[str, bytes]) -> None:
        contents = json.loads(objects[LIST])
        contents["run_id"] = run_id
        objects[LIST] = json.dumps(contents).encode()

    return change


def without(suffix: str) -> Callable[[dict[str, bytes]], None]:
    def change(objects: dict[str, bytes]) -> None:
        for name in [name for name in objects if name.endswith(suffix)]:
            del objects[name]

    return change


def with_object(key: str, data: bytes = b"{}") -> Callable[[dict[str, bytes]], None]:
    return lambda objects: objects.update({OBJECTS + key: data})


def with_other_bytes(objects: dict[str, bytes]) -> None:
    """Change one byte of weights, and not the list."""
    name = next(name for name in objects if name.endswith("weights.hdf5"))
    objects[name] = b"?" + objects[name][1:]
    objects[LIST] += b" "


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (with_object("../outside.json"), "is no valid key"),
        (with_object("/etc/passwd.json"), "is no valid key"),
        (with_object("runs/other/run.json"), "holds runs/other/run.json, which is no part of run"),
        (with_object("settings.json"), "holds settings.json, which is no part of run"),
        (with_object(f"datasets/{'0' * 64}.npz"), "holds datasets/000.*, which is no part of run"),
        (with_object(f"publications/{hashlib.sha256(b'{}').hexdigest()}.json"), "which is no part of run"),
        (with_other_bytes, "weights.hdf5 does not have its SHA-256"),
        (without("/run.json"), "holds no run"),
        (without(LIST), f"it has no list {LIST}"),
        (lambda objects: objects.update({"more.json": b"{}"}), "its list does not name what is in it"),
        (renamed("other"), "which is no part of run other"),
        (renamed("../other"), "run_id"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_before_anything_is_written(
    elsewhere, exported, change, sentence
):
    with pytest.raises(DeepchordError, match=sentence):
        import_run(elsewhere, rewritten(exported, change))

    assert not Path(elsewhere.objects.url).exists()


def test_code_is_no_part_of_a_run(store, elsewhere, exported):
    (run_id,) = store.run_ids()

    with pytest.raises(InputError, match="which is no part of run"):
        import_run(elsewhere, rewritten(exported, with_object(f"runs/{run_id}/code.py", b"import os")))


def test_what_would_grow_when_it_is_read_is_refused(elsewhere, exported):
    with pytest.raises(InputError, match="something in it is compressed, encrypted or there twice"):
        import_run(elsewhere, rewritten(exported, lambda objects: None, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_off_or_anything_else_is_named(elsewhere, exported, share):
    data = exported.read_bytes()
    exported.write_bytes(data[: int(share * len(data))])

    with pytest.raises(InputError, match=r"run.zip is damaged, or no file of `deepchord export-run`: .*\."):
        import_run(elsewhere, exported)


def test_a_file_that_is_not_there_is_named(elsewhere, tmp_path):
    with pytest.raises(InputError, match=r"absent.zip cannot be read: No such file or directory\."):
        import_run(elsewhere, tmp_path / "absent.zip")


@pytest.mark.parametrize("seed", range(30))
def test_a_file_with_a_flipped_byte_never_brings_a_run_that_differs(store, exported, tmp_path, seed):
    data = bytearray(exported.read_bytes())
    generator = np.random.default_rng(seed)
    data[generator.integers(len(data))] ^= 1 << generator.integers(8)
    exported.write_bytes(data)
    there = RunStore.open(Settings(storage=str(tmp_path / "there")))

    try:
        import_run(there, exported)
    except DeepchordError:
        assert there.run_ids() == []
    else:
        assert contents(there) == contents(store)


def test_an_object_that_is_too_large_for_the_storage_is_named_before_anything_is_written(elsewhere, exported):
    class SmallStore:
        """The real storage, which says that it takes small objects only."""

        largest_bytes = 100

        def __getattr__(self, name: str) -> object:
            return getattr(elsewhere.objects, name)

    with pytest.raises(InputError, match="takes objects of at most 0 MiB: give a folder or s3"):
        import_run(RunStore(SmallStore()), exported)
    assert not Path(elsewhere.objects.url).exists()


def test_a_damaged_data_set_is_not_carried_on(store, tmp_path):
    run = evaluated(store)
    store.objects.replace(input_keys.dataset(run.dataset.sha256), b"damaged")

    with pytest.raises(CorruptObjectError, match=r"datasets/.*\.npz is damaged"):
        export_run(store, run, tmp_path / "run.zip")
    assert list(tmp_path.glob("*.zip")) == []
