"""What lies where records and specs should, in every odd state: said in a sentence, never waited for."""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.errors import (
    CorruptObjectError,
    DamagedRecordError,
    DeepchordError,
    MessageDecodeError,
    OtherVersionError,
)
from deepchord.shared.messages import DatasetInfo, FailedMember, MemberRecord, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.storage import MemberStore, RunStore, damaged_records, set_record_aside
from deepchord.shared.storage.documents import MAX_DOCUMENT_BYTES
from tests.records import commit_record

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
RUN = plan_run(plan_request(None, {"members": 3, "seed": 1}), TINY, DATASET, max_attempts=3, now=NOW)

Damage = Callable[[Path], object]


def record_of(index: int, run: RunSpec = RUN) -> MemberRecord:
    spec = plan_member(run.run_id, run.seed, index)
    return MemberRecord(member=FailedMember(spec=spec, attempt=1, trainer=None, finished_at=NOW, error="x"))


def replaced_by(make: Callable[[Path], object]) -> Damage:
    """Remove the file, and make something else in its place."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def sparse(path: Path) -> None:
    """A file of a terabyte that takes no room."""
    with path.open("wb") as file:
        file.truncate(10**12)


ODD: dict[str, tuple[Damage, str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is not a valid"),
    "torn": (lambda path: path.write_bytes(path.read_bytes()[:-20]), "is not a valid"),
    "text": (lambda path: path.write_text("<html>not here</html>"), "is not a valid"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "is not a valid"),
    "nested": (lambda path: path.write_text("[" * 100_000), "is not a valid"),
    "a list": (lambda path: path.write_text("[]"), "is not a valid"),
    "huge": (sparse, f"has 1,000,000,000,000 bytes, and at most {MAX_DOCUMENT_BYTES:,} are read"),
    "a FIFO": (replaced_by(os.mkfifo), "is a FIFO, where a file was expected: restore"),
    "a device": (replaced_by(lambda path: path.symlink_to("/dev/zero")), "is a device"),
    "a folder": (replaced_by(Path.mkdir), "is a folder"),
    "a link to itself": (replaced_by(lambda path: path.symlink_to(path.name)), "is a link to nothing"),
    "a link to nothing": (replaced_by(lambda path: path.symlink_to("nowhere")), "is a link to nothing"),
}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs and devices of this kind there")


@pytest.fixture
def path(store: RunStore, tmp_path: Path) -> Path:
    """The record of member 1."""
    store.create_run(RUN)
    for index in range(3):
        commit_record(store, record_of(index))
    return tmp_path / "storage" / "runs" / RUN.run_id / "members" / "001" / "record.json"


@pytest.mark.parametrize("odd", ODD)
def test_a_record_that_is_none_is_told_with_what_to_do_and_kept_aside(store: RunStore, path: Path, odd: str):
    damage, sentence = ODD[odd]
    damage(path)
    before = path.read_bytes() if path.is_file() and path.stat().st_size < MAX_DOCUMENT_BYTES else None
    store.member(RUN.run_id, 1).start_attempt(b"{}")

    with pytest.raises(DamagedRecordError, match=rf"members/001/record\.json .*{sentence}") as raised:
        store.member(RUN.run_id, 1).record()

    assert (f"`deepchord resume {RUN.run_id}` keeps it aside" in str(raised.value)) == (odd != "a folder")
    if odd == "a folder":  # not ours to remove
        assert str(raised.value).endswith("restore that from a copy, or remove what is there.")
        return
    assert set_record_aside(store, RUN.run_id, 1)
    assert store.member(RUN.run_id, 1).record() is None
    assert [attempt.handed_over for attempt in store.member(RUN.run_id, 1).attempts()] == [True]
    kept = [found.read_bytes() for found in path.parent.glob("damaged-records/*.json")]
    assert kept == ([] if before is None else [before])
    assert store.recorded_members(RUN.run_id) == [0, 2]
    assert commit_record(store, record_of(1))


def test_a_record_of_another_member_or_run_is_no_record_and_one_that_is_whole_stays(store: RunStore, path: Path):
    other = path.parents[1] / "000" / "record.json"
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)

    for index in (0, 1):
        with pytest.raises(
            DamagedRecordError, match=rf"members/00{index}/record.json is the record of member {1 - index} "
        ):
            store.member(RUN.run_id, index).record()
        assert set_record_aside(store, RUN.run_id, index)
    assert not set_record_aside(store, RUN.run_id, 2)
    assert store.recorded_members(RUN.run_id) == [2]
    path.write_bytes(record_of(1, RUN.model_copy(update={"run_id": "another"})).encode())
    with pytest.raises(DamagedRecordError, match="is the record of member 1 of run another"):
        store.member(RUN.run_id, 1).record()


@pytest.mark.parametrize("odd", ["torn", "a FIFO"])
def test_a_record_that_is_committed_while_a_damaged_one_is_set_aside_twice_stays(
    store: RunStore, path: Path, odd: str, monkeypatch
):
    ODD[odd][0](path)
    judge = MemberStore.record

    def judge_and_lose_time(member: MemberStore) -> MemberRecord | None:
        try:
            return judge(member)
        finally:
            monkeypatch.undo()
            assert set_record_aside(store, RUN.run_id, 1)
            assert commit_record(store, record_of(1))

    monkeypatch.setattr(MemberStore, "record", judge_and_lose_time)

    assert not set_record_aside(store, RUN.run_id, 1)
    assert store.member(RUN.run_id, 1).record() == record_of(1)


def test_a_record_of_another_version_is_not_called_damaged(store: RunStore, path: Path):
    found = json.loads(path.read_bytes())
    found["member"]["spec"]["version"] = "99.1"
    found["member"]["mood"] = "good"
    path.write_text(json.dumps(found))

    with pytest.raises(
        OtherVersionError, match=r"unknown option 'mood'.* It was written by deepchord 99\.1, and this is "
    ):
        store.member(RUN.run_id, 1).record()
    assert list(damaged_records(store, RUN.run_id)) == []
    assert not set_record_aside(store, RUN.run_id, 1)
    assert path.exists()


@pytest.mark.parametrize("odd", ODD)
def test_a_spec_that_is_none_is_told_with_what_to_do(store: RunStore, path: Path, odd: str):
    damage, sentence = ODD[odd]
    spec = path.parents[2] / "run.json"
    damage(spec)

    with pytest.raises((MessageDecodeError, CorruptObjectError), match=sentence) as caught:
        store.run(RUN.run_id)

    assert "estore it from a copy" in str(caught.value) or "restore that from a copy" in str(caught.value)


def test_a_run_that_was_copied_under_another_name_is_told(store: RunStore, path: Path):
    folder = path.parents[2]
    folder.rename(folder.parent / "renamed")

    with pytest.raises(
        CorruptObjectError, match=rf"renamed/run.json is the spec of run {RUN.run_id}: give its folder back"
    ):
        store.run("renamed")


def test_an_extension_that_is_not_the_one_of_its_folder_is_told_and_what_is_none_is_passed_over(
    store: RunStore, path: Path
):
    extended = RUN.model_copy(update={"members": 4, "extension": 1})
    store.extend_run(extended)
    folder = path.parents[2] / "extensions"
    for name in ("1", "0002", "abc", "002.old"):
        (folder / name).mkdir()
        (folder / name / "run.json").write_text("{}")
    assert store.run(RUN.run_id) == extended

    (folder / "001").rename(folder / "003")
    with pytest.raises(CorruptObjectError, match=r"003/run.json is the spec of run .*, extended 1 times"):
        store.run(RUN.run_id)


def test_a_record_whose_folder_is_not_called_as_ours_are_is_none(store: RunStore, path: Path):
    path.parent.rename(path.parents[1] / "1")

    assert store.recorded_members(RUN.run_id) == [0, 2]


@pytest.mark.parametrize(
    ("name", "read", "remedy"),
    [
        ("cancelled.json", lambda store: store.cancellation(RUN.run_id), "`deepchord resume .*` takes it away"),
        (
            "evaluation.json",
            lambda store: store.evaluation(RUN).result(),
            "remove it, and `deepchord resume .*` evaluates",
        ),
        (
            "failed.json",
            lambda store: store.evaluation(RUN).failure(),
            "remove it, and `deepchord resume .*` evaluates",
        ),
    ],
)
def test_how_a_run_ended_is_told_with_a_remedy_if_it_cannot_be_read(store: RunStore, path: Path, name, read, remedy):
    (path.parents[2] / name).write_text("{")

    with pytest.raises(MessageDecodeError, match=rf"{name} is not a valid .*{remedy}"):
        read(store)


WHOLE = record_of(1).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE)), st.integers(0, 40), st.binary(max_size=40))
def test_whatever_bytes_a_record_loses_and_gets_it_is_a_record_of_its_member_or_an_error_of_ours(
    store: RunStore, start: int, lost: int, got: bytes
):
    store.objects.replace(f"runs/{RUN.run_id}/members/001/record.json", WHOLE[:start] + got + WHOLE[start + lost :])

    try:
        record = store.member(RUN.run_id, 1).record()
    except DeepchordError:
        return
    assert (record.member.spec.run_id, record.member.spec.index) == (RUN.run_id, 1)
