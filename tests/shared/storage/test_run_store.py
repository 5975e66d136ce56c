import hashlib
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.endings import Cancellation, EnsembleEvaluation, MemberEvaluation, RunFailure, Scores
from shared.errors import (
    CorruptObjectError,
    InputError,
    MessageDecodeError,
    ObjectNotFoundError,
    RunNotFoundError,
    StorageError,
)
from shared.messages import (
    DatasetInfo,
    EpochMetrics,
    FailedMember,
    MemberRecord,
    MemberSeeds,
    MemberSpec,
    Recipe,
    RunSpec,
    TrainedMember,
    Trainer,
)
from shared.networks import notebook_architecture
from shared.settings import Settings
from shared.storage import MemberStore, open_object_store
from tests.records import commit_record

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="cpu")
RUN = "2026-05-04-quick"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def run_spec(run_id: str = RUN) -> RunSpec:
    return RunSpec(
        run_id=run_id,
        created_at=NOW,
        preset="quick",
        dataset=DatasetInfo(
            name="digits",
            sha256=sha256(b"digits"),
            input_shape=(28, 28, 1),
            class_names=("0", "1"),
            train_size=10,
            test_size=5,
        ),
        architecture=notebook_architecture(),
        recipe=Recipe(
            optimizer="nadam", learning_rate=0.002, batch_size=128, epochs=25, validation_fraction=0.2, patience=10
        ),
        members=3,
        min_members=2,
        seed=1,
        max_attempts=3,
    )


def member_spec(index: int) -> MemberSpec:
    return MemberSpec(run_id=RUN, index=index, seeds=MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4))


def trained(index: int, attempt: int = 1) -> MemberRecord:
    epoch = EpochMetrics(train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5, duration_s=1)
    return MemberRecord(
        member=TrainedMember(
            spec=member_spec(index),
            attempt=attempt,
            trainer=TRAINER,
            started_at=NOW,
            finished_at=NOW,
            history=(epoch,),
            best_epoch=1,
            weights_sha256=sha256(b"weights"),
            probabilities_sha256=sha256(b"probabilities"),
        )
    )


def failed(index: int) -> MemberRecord:
    return MemberRecord(
        member=FailedMember(spec=member_spec(index), attempt=3, trainer=None, finished_at=NOW, error="NaN")
    )


def evaluation(probabilities: bytes, accuracy: float = 0.9) -> EnsembleEvaluation:
    scores = Scores(loss=0.5, accuracy=accuracy)
    return EnsembleEvaluation(
        requested=3,
        trained=1,
        evaluator=TRAINER,
        evaluated_at=NOW,
        duration_s=1,
        members=(MemberEvaluation(index=0, train=scores, test=scores),),
        train=scores,
        test=scores,
        confusion=((1, 0), (0, 1)),
        misclassified=(),
        probabilities_sha256=sha256(probabilities),
    )


def test_a_run_is_created_once_and_read_back(store):
    assert store.create_run(run_spec())
    assert not store.create_run(run_spec())

    assert store.run(RUN) == run_spec()


@pytest.mark.parametrize("run_id", ["absent", "../up", "", "UPPER", "one\n", "a/b", "a" * 65])
def test_a_run_that_is_not_there_is_named_with_where_to_look(store, run_id):
    with pytest.raises(RunNotFoundError, match=r"There is no run .*; `deepchord runs` lists those there are"):
        store.run(run_id)


def test_runs_are_listed_oldest_first_without_those_half_made(store):
    for run_id in ("2026-02-01-b", "2026-01-01-c", "2026-03-01-a"):
        store.create_run(run_spec(run_id))
    store.objects.create("runs/2026-01-15-stray/members/000/record.json", b"{}")

    assert store.run_ids() == ["2026-01-01-c", "2026-02-01-b", "2026-03-01-a"]


def test_a_run_written_by_a_later_version_is_named(store):
    text = run_spec().encode().replace(b'"protocol": 1', b'"protocol": 2').replace(b'"protocol":1', b'"protocol":2')
    store.objects.create(f"runs/{RUN}/run.json", text)

    with pytest.raises(MessageDecodeError, match=rf"runs/{RUN}/run\.json is not .*: it is of deepchord .*protocol 2"):
        store.run(RUN)


def test_attempts_of_a_member_are_numbered_from_one(store):
    assert store.member(RUN, 0).attempts() == ()

    assert [store.member(RUN, 0).start_attempt(b"me") for _ in range(3)] == [1, 2, 3]
    assert [attempt.number for attempt in store.member(RUN, 0).attempts()] == [1, 2, 3]
    assert store.member(RUN, 1).attempts() == ()


def test_an_attempt_shows_what_it_saved_and_whether_it_was_handed_over(store):
    for _ in range(2):
        store.member(RUN, 0).start_attempt(b"me")
    saved = [store.member(RUN, 0).save_epoch(1, epoch, f"state {epoch}".encode()) for epoch in (1, 2)]
    store.member(RUN, 0).hand_over(2)
    store.member(RUN, 0).put_weights(1, b"weights")

    first, second = store.member(RUN, 0).attempts()

    assert (first.saved, first.handed_over) == (tuple(saved), False)
    assert (second.saved, second.handed_over) == ((), True)
    assert store.member(RUN, 0).saved_epoch(saved[1]) == b"state 2"
    store.member(RUN, 0).forget_epoch(saved[0])
    assert store.member(RUN, 0).attempts()[0].saved == (saved[1],)


def test_a_state_that_is_not_what_was_saved_is_found_out(store):
    saved = store.member(RUN, 0).save_epoch(1, 1, b"state")
    (path,) = Path(store.objects.url).glob("**/epochs/*.npz")
    path.write_bytes(b"stat")

    with pytest.raises(CorruptObjectError, match="is damaged"):
        store.member(RUN, 0).saved_epoch(saved)


def test_a_run_that_is_extended_is_read_with_its_new_members_and_ends_anew(store):
    run = run_spec()
    store.create_run(run)
    store.evaluation(run).commit_result(evaluation(b"first"), b"first")
    extended = run.model_copy(update={"members": run.members + 1, "extension": 1})

    assert store.extend_run(extended)
    assert not store.extend_run(extended)

    assert store.run(RUN) == extended
    assert store.run_ids() == [RUN]
    assert store.evaluation(extended).result() is None
    assert store.evaluation(extended).commit_result(evaluation(b"second"), b"second")
    assert store.evaluation(extended).probabilities(sha256(b"second")) == b"second"
    assert store.evaluation(run).result() == evaluation(b"first")


def test_a_cancelled_run_can_be_resumed(store):
    store.create_run(run_spec())
    assert not store.is_cancelled(RUN)

    store.cancel_run(RUN, Cancellation(host="here", cancelled_at=NOW))
    assert store.is_cancelled(RUN)

    store.resume_run(RUN)
    store.resume_run(RUN)
    assert not store.is_cancelled(RUN)


def test_attempts_started_at_the_same_moment_get_different_numbers(store):
    taken: list[int] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        taken.extend(store.member(RUN, 0).start_attempt(b"me") for _ in range(5))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(1, 41))


def test_the_first_record_of_a_member_stays(store):
    assert commit_record(store, trained(1, attempt=1))
    assert not commit_record(store, trained(1, attempt=2))
    assert not commit_record(store, failed(1))

    assert store.member(RUN, 1).record() == trained(1, attempt=1)


def test_records_come_in_the_order_of_their_members(store):
    for record in (failed(2), trained(0)):
        commit_record(store, record)

    assert store.member(RUN, 1).record() is None
    assert list(store.records(RUN, 3)) == [trained(0), failed(2)]
    assert store.recorded(RUN) == [0, 2]


def test_a_member_beyond_a_thousand_has_a_place_of_its_own(store):
    for index in (7, 99_999, 1000, 10):
        commit_record(store, trained(index))
        assert store.member(RUN, index).start_attempt(b"me") == 1

    assert store.recorded(RUN) == [7, 10, 1000, 99_999]


ARTIFACTS = [
    pytest.param(MemberStore.put_weights, MemberStore.weights, id="weights"),
    pytest.param(MemberStore.put_probabilities, MemberStore.probabilities, id="probabilities"),
]


@pytest.mark.parametrize(("put", "get"), ARTIFACTS)
def test_what_an_attempt_publishes_is_read_back_and_verified(store, put, get):
    member = store.member(RUN, 0)
    put(member, 1, b"first attempt")
    put(member, 2, b"second attempt")

    assert get(member, 1, sha256(b"first attempt")) == b"first attempt"
    with pytest.raises(CorruptObjectError, match=r"attempts/002/.* is damaged: expected the SHA-256 .*train a new run"):
        get(member, 2, sha256(b"first attempt"))


@pytest.mark.parametrize(("put", "get"), ARTIFACTS)
def test_what_an_attempt_never_published_is_named(store, put, get):
    with pytest.raises(ObjectNotFoundError, match=r"has no runs/.*/members/000/attempts/001/"):
        get(store.member(RUN, 0), 1, sha256(b""))


def test_the_first_evaluation_of_a_run_stays_with_its_probabilities(store):
    assert store.evaluation(run_spec()).result() is None

    assert store.evaluation(run_spec()).commit_result(evaluation(b"first"), b"first")
    assert not store.evaluation(run_spec()).commit_result(evaluation(b"second", accuracy=0.1), b"second")

    committed = store.evaluation(run_spec()).result()
    assert committed == evaluation(b"first")
    assert store.evaluation(run_spec()).probabilities(committed.probabilities_sha256) == b"first"


def test_the_first_failure_of_a_run_stays(store):
    failures = [RunFailure(requested=3, trained=1, reason=reason, failed_at=NOW) for reason in ("first", "second")]
    assert store.evaluation(run_spec()).failure() is None

    assert store.evaluation(run_spec()).commit_failure(failures[0])
    assert not store.evaluation(run_spec()).commit_failure(failures[1])

    assert store.evaluation(run_spec()).failure() == failures[0]


def test_a_data_set_is_published_once_and_verified(store):
    name = sha256(b"images")
    assert not store.has_dataset(name, b"images")

    store.publish_dataset(name, b"images")
    store.publish_dataset(name, b"images")

    assert store.has_dataset(name, b"images")
    assert store.dataset(name) == b"images"


def test_a_damaged_data_set_is_found_out(store):
    store.publish_dataset(sha256(b"images"), b"imagex")

    assert not store.has_dataset(sha256(b"images"), b"images")
    with pytest.raises(CorruptObjectError, match=r"datasets/.*\.npz is damaged"):
        store.dataset(sha256(b"images"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.integers(0, 99_999), attempt=st.integers(1, 5000), run_id=st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,63}\Z"))
def test_every_run_member_and_attempt_has_a_key_that_storage_takes(store, index, attempt, run_id):
    data = f"{run_id} {index} {attempt}".encode()

    store.member(run_id, index).put_weights(attempt, data)

    assert store.member(run_id, index).weights(attempt, sha256(data)) == data


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_can_be_given_in_several_ways(tmp_path, form):
    open_object_store(Settings(storage=form.format(tmp_path / "storage"))).create("one", b"1")

    assert (tmp_path / "storage" / "one").read_bytes() == b"1"


def test_a_relative_folder_and_the_home_are_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert open_object_store(Settings(storage="storage")).url == str(tmp_path / "storage")
    assert open_object_store(Settings(storage="~/storage")).url == str(tmp_path / "home" / "storage")


@pytest.mark.parametrize("url", ["s4://bucket/runs", "http://host", "ftp://elsewhere/folder"])
def test_a_storage_that_is_not_known_is_named(url):
    with pytest.raises(InputError, match="is not known: give a folder"):
        open_object_store(Settings(storage=url))


def test_a_run_id_can_never_lead_out_of_the_storage(store):
    with pytest.raises(StorageError, match="no valid key"):
        store.member("../../etc", 0).attempts()


def test_an_attempt_at_the_evaluation_shows_how_it_ended(store):
    run = run_spec()
    for _ in range(3):
        store.evaluation(run).start_attempt(b"me")
    store.evaluation(run).fail_attempt(1)
    store.evaluation(run).hand_over(2)

    found = [(attempt.number, attempt.failed, attempt.handed_over) for attempt in store.evaluation(run).attempts()]

    assert found == [(1, True, False), (2, False, True), (3, False, False)]
    assert not store.evaluation(run).has_ended()
    extended = run.model_copy(update={"members": run.members + 1, "extension": 1})
    assert store.evaluation(extended).attempts() == ()


def test_the_specs_of_a_run_are_its_extensions_and_what_it_was_the_newest_first(store):
    run = run_spec()
    store.create_run(run)
    extensions = [run.model_copy(update={"members": run.members + n, "extension": n}) for n in range(1, 12)]
    for extension in extensions:
        store.extend_run(extension)

    assert list(store.versions(RUN)) == [*reversed(extensions), run]
