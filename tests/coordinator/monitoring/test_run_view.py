import hashlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from deepchord.coordinator.local import local_session
from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.monitoring.run_view import RunWatcher
from deepchord.coordinator.report import summary
from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.broker import ProgressBoard, connect_lazily
from deepchord.shared.checkpoints import encode_member_outputs
from deepchord.shared.messages import (
    Cancellation,
    DatasetInfo,
    EnsembleEvaluation,
    EpochMetrics,
    FailedMember,
    MemberEvaluation,
    MemberProgress,
    MemberRecord,
    RunFailure,
    RunSpec,
    Scores,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.records import commit_record

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(2, 2, 1), class_names=("0", "1", "2"), train_size=10, test_size=200
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="CPU:0")
START = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
IDLE_WORKER = (sys.executable, "-c", "import time; time.sleep(1000)")

Probabilities = NDArray[np.float32]


def run_of(members: int = 4, **options: Any) -> RunSpec:
    request = plan_request(None, {"members": members, "epochs": 4, "seed": 1, **options})
    return plan_run(request, TINY, DATASET, max_attempts=3, now=START)


def epoch(accuracy: float = 0.5, duration_s: float = 10.0) -> EpochMetrics:
    return EpochMetrics(
        train_loss=1.0,
        train_accuracy=accuracy,
        validation_loss=1.0,
        validation_accuracy=accuracy,
        duration_s=duration_s,
    )


def trained(run: RunSpec, index: int, probabilities: bytes = b"") -> MemberRecord:
    return MemberRecord(
        member=TrainedMember(
            spec=plan_member(run.run_id, run.seed, index),
            attempt=1,
            trainer=TRAINER,
            started_at=START,
            finished_at=START + timedelta(seconds=60),
            history=(epoch(),),
            best_epoch=1,
            weights_sha256="0" * 64,
            probabilities_sha256=hashlib.sha256(probabilities).hexdigest(),
        )
    )


def failed(run: RunSpec, index: int) -> MemberRecord:
    spec = plan_member(run.run_id, run.seed, index)
    return MemberRecord(member=FailedMember(spec=spec, attempt=3, trainer=TRAINER, finished_at=START, error="it broke"))


def line(index: int, **changes: Any) -> MemberProgress:
    first = {
        "index": index, "attempt": 1, "trainer": TRAINER, "phase": "training", "epochs_done": 0, "epochs": 4,
        "epoch_share": 0.0, "started_at": START, "updated_at": START,
    }  # fmt: skip
    return MemberProgress.model_validate(first | changes)


def evaluation(at: datetime = START) -> EnsembleEvaluation:
    scores = Scores(loss=1.0, accuracy=0.5)
    return EnsembleEvaluation(
        requested=4,
        trained=1,
        evaluator=TRAINER,
        evaluated_at=at,
        duration_s=1.0,
        members=(MemberEvaluation(index=0, train=scores, test=scores),),
        train=scores,
        test=scores,
        confusion=((1,),),
        misclassified=(),
        probabilities_sha256=hashlib.sha256(b"npz").hexdigest(),
    )


def failure(at: datetime = START) -> RunFailure:
    return RunFailure(requested=4, trained=0, reason="nobody learnt anything", failed_at=at)


def commit(store: RunStore, run: RunSpec, index: int, probabilities: Probabilities) -> None:
    data = encode_member_outputs(probabilities)
    store.member(run.run_id, index).publish_probabilities(1, data)
    commit_record(store, trained(run, index, data))


@pytest.fixture
def board(broker_url: str) -> Iterator[ProgressBoard]:
    with connect_lazily(load_settings(broker=broker_url)) as client:
        yield ProgressBoard(client)


# One moment


@pytest.mark.parametrize(
    ("view", "state"),
    [
        ({}, "waiting"),
        ({"progress": {0: line(0)}}, "training"),
        ({"records": {0: trained(run_of(), 0)}}, "training"),
        ({"records": {index: trained(run_of(), index) for index in range(3)}}, "training"),
        ({"records": {index: trained(run_of(), index) for index in range(4)}}, "evaluating"),
        ({"records": {index: failed(run_of(), index) for index in range(4)}}, "evaluating"),
        ({"records": {0: trained(run_of(), 0)}, "failure": failure()}, "failed"),
        ({"records": {index: trained(run_of(), index) for index in range(4)}, "evaluation": evaluation()}, "evaluated"),
        ({"evaluation": evaluation(), "failure": failure()}, "evaluated"),
    ],
)
def test_the_state_follows_from_what_there_is(view, state):
    assert RunView(run=run_of(), **view).state == state


def test_failed_members_have_ended_but_are_not_trained():
    run = run_of()
    view = RunView(run=run, records={0: trained(run, 0), 1: failed(run, 1)})

    assert view.trained == 1
    assert view.share_done == pytest.approx(0.5)


def test_the_share_that_is_done_counts_epochs_and_the_part_of_one():
    run = run_of()
    view = RunView(run=run, records={0: trained(run, 0)}, progress={1: line(1, epochs_done=1, epoch_share=0.5)})

    assert [view.member_share(index) for index in range(4)] == [1.0, 0.375, 0.0, 0.0]
    assert view.share_done == pytest.approx(1.375 / 4)


def test_a_share_never_goes_beyond_the_whole():
    assert RunView(run=run_of(), progress={0: line(0, epochs_done=4, epoch_share=0.9)}).member_share(0) == 1.0


@pytest.mark.parametrize(
    ("changes", "left_s"),
    [
        ({"epochs_done": 1, "last": epoch(duration_s=10)}, 30.0),
        ({"epochs_done": 3, "epoch_share": 0.5, "last": epoch(duration_s=8)}, 4.0),
        # In its first epoch a member is judged by the time that the part of it took.
        ({"epoch_share": 0.5, "updated_at": START + timedelta(seconds=5)}, 35.0),
        ({"epoch_share": 0.05, "updated_at": START + timedelta(seconds=5)}, None),
        ({"epochs_done": 3, "epoch_share": 1.0, "last": epoch()}, None),  # its last epoch is being validated
        ({"phase": "scoring", "epochs_done": 4, "last": epoch()}, None),
        ({"phase": "waiting", "epochs_done": 1, "last": epoch()}, None),
    ],
)
def test_the_time_left_is_the_pace_times_the_epochs_left(changes, left_s):
    view = RunView(run=run_of(), progress={0: line(0, **changes)})

    assert view.member_seconds_left(0) == (None if left_s is None else pytest.approx(left_s))


def test_nobody_knows_the_time_left_of_a_member_that_waits_or_has_ended():
    run = run_of()
    view = RunView(run=run, records={0: trained(run, 0)}, progress={0: line(0, epochs_done=1, last=epoch())})

    assert view.member_seconds_left(0) is None
    assert view.member_seconds_left(1) is None


def test_the_time_of_a_run_stops_at_its_end():
    later = START + timedelta(hours=1)

    assert RunView(run=run_of()).elapsed_s(later) == 3600.0
    for end in ({"evaluation": evaluation(START + timedelta(60))}, {"failure": failure(START + timedelta(60))}):
        assert RunView(run=run_of(), **end).elapsed_s(later) == 60 * 24 * 3600.0


def test_a_clock_that_goes_slow_gives_no_negative_time():
    assert RunView(run=run_of()).elapsed_s(START - timedelta(seconds=5)) == 0.0


# What a watcher sees


def test_a_run_that_was_cancelled_grows_no_older(store):
    run, later = run_of(), START + timedelta(minutes=3)
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=later))

    view = RunWatcher(store, run).look()

    assert (view.state, view.elapsed_s(START + timedelta(days=3))) == ("cancelled", 180.0)


def test_a_run_that_nobody_took_up_is_waiting(store):
    view = RunWatcher(store, run_of()).look()

    assert (view.state, view.records, view.progress, view.so_far, view.live) == ("waiting", {}, {}, None, False)


def test_the_ensemble_so_far_is_as_accurate_as_the_mean_of_the_probabilities(store):
    run, generator = run_of(), np.random.default_rng(1)
    labels = generator.integers(0, 3, size=200)
    sharpness = generator.uniform(0.0, 1.2, size=(3, 200, 3)) * np.eye(3)[labels]
    members = generator.dirichlet((1, 1, 1), size=(3, 200)) + sharpness
    members = (members / members.sum(axis=2, keepdims=True)).astype(np.float32)
    watcher = RunWatcher(store, run, test_labels=labels)
    seen = []

    for count, index in enumerate((2, 0, 3), start=1):
        commit(store, run, index, members[count - 1])
        view = watcher.look()
        seen.append((view.so_far.members, view.so_far.test_accuracy))

    alone = [float((member.argmax(axis=1) == labels).mean()) for member in members]
    means = [members[:count].mean(axis=0).argmax(axis=1) for count in (1, 2, 3)]
    assert seen == [(count, float((mean == labels).mean())) for count, mean in zip((1, 2, 3), means, strict=True)]
    assert seen[2][1] > max(alone)
    so_far = watcher.look().so_far
    assert (so_far.before.members, so_far.before.test_accuracy, so_far.before.before) == (*seen[1], None)
    for ensemble in (so_far, so_far.before):
        of_actual = members[: ensemble.members].mean(axis=0)[np.arange(200), labels]
        assert ensemble.test_loss == pytest.approx(float(-np.log(of_actual).mean()), abs=1e-5)


def test_several_members_that_end_between_two_looks_all_count(store):
    run, labels = run_of(), np.array([0, 1, 2, 0])
    for index in range(4):
        commit(store, run, index, np.eye(3, dtype=np.float32)[labels])

    view = RunWatcher(store, run, test_labels=labels).look()

    assert (view.so_far.members, view.so_far.test_accuracy, view.state) == (4, 1.0, "evaluating")


def test_a_failed_member_takes_no_part_in_the_ensemble_so_far(store):
    run, labels = run_of(), np.array([0, 1])
    commit_record(store, failed(run, 0))
    watcher = RunWatcher(store, run, test_labels=labels)
    assert watcher.look().so_far is None

    commit(store, run, 1, np.eye(3, dtype=np.float32)[labels])

    view = watcher.look()
    assert (view.so_far.members, view.trained, sorted(view.records)) == (1, 1, [0, 1])


def test_without_labels_the_records_are_shown_alone(store):
    run = run_of()
    commit(store, run, 0, np.ones((4, 3), dtype=np.float32))

    view = RunWatcher(store, run).look()

    assert (view.so_far, view.trained) == (None, 1)


def test_probabilities_that_are_not_those_of_the_record_are_not_used(store):
    run = run_of()
    store.member(run.run_id, 0).publish_probabilities(1, b"others")
    commit_record(store, trained(run, 0, b"mine"))

    view = RunWatcher(store, run, test_labels=np.array([0])).look()

    assert (view.trained, view.so_far) == (1, None)


def test_a_view_does_not_change_when_the_run_goes_on(store):
    run = run_of()
    watcher = RunWatcher(store, run)
    before = watcher.look()

    commit_record(store, failed(run, 0))

    assert watcher.look().records != before.records == {}


def test_the_end_of_a_run_is_seen_in_storage_without_any_broker(store):
    run = run_of()
    store.evaluation(run).commit_result(evaluation(), b"npz")

    assert RunWatcher(store, run).look().state == "evaluated"


def test_a_damaged_record_is_told_and_does_not_hide_the_others_and_one_of_no_member_does_not_count(store):
    run = run_of(members=2)
    commit_record(store, failed(run, 0))
    store.objects.replace(f"runs/{run.run_id}/members/001/record.json", b"{")
    commit_record(store, failed(run, 7))

    view = RunWatcher(store, run).look()

    assert (set(view.records), view.state) == ({0}, "training")
    assert view.notes[1].startswith(f"runs/{run.run_id}/members/001/record.json is not a valid MemberRecord")
    assert summary(run, store)["ended"] == 2


def test_a_run_that_failed_says_why(store):
    run = run_of()
    store.evaluation(run).commit_failure(failure())

    view = RunWatcher(store, run).look()

    assert (view.state, view.failure.reason) == ("failed", "nobody learnt anything")


@pytest.mark.slow
def test_the_lines_that_members_leave_at_the_broker_are_seen_alive(store, board):
    run = run_of()
    board.publish(run.run_id, line(1, epochs_done=2, last=epoch(0.75)))
    board.report_trouble(run.run_id, 3, "OutOfMemory: no.")

    view = RunWatcher(store, run, board).look()

    assert (view.live, view.state) == (True, "training")
    assert view.progress == {1: line(1, epochs_done=2, last=epoch(0.75))}
    assert view.notes == {3: "OutOfMemory: no."}


@pytest.mark.slow
def test_the_lines_of_another_run_are_not_taken_for_ours(store, board):
    run, other = run_of(), run_of()
    board.publish(other.run_id, line(1))
    board.report_trouble(other.run_id, 1, "trouble")

    view = RunWatcher(store, run, board).look()

    assert (view.progress, view.notes, view.state) == ({}, {}, "waiting")


@pytest.mark.slow
def test_a_line_that_is_no_progress_is_left_out(store, board, broker_url):
    run = run_of()
    board.publish(run.run_id, line(0))
    with redis.Redis.from_url(broker_url) as client:
        client.hset(f"deepchord:progress:{run.run_id}", "1", "no JSON")
        client.hset(f"deepchord:progress:{run.run_id}", "x", line(2).model_dump_json())
        client.hset(f"deepchord:progress:{run.run_id}", "2", line(3).model_dump_json())
        client.hset(f"deepchord:progress:{run.run_id}", "9" * 5000, line(3).model_dump_json())
        client.hset(f"deepchord:progress:{run.run_id}", b"\xff", b"\xff")
        client.hset(f"deepchord:notes:{run.run_id}", "nobody", "trouble")
        client.hset(f"deepchord:notes:{run.run_id}", "3", b"\xff")

    view = RunWatcher(store, run, board).look()

    assert (set(view.progress), view.live) == ({0}, True)
    assert view.notes == {3: "\ufffd"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_when_the_broker_goes_away_the_old_lines_stay_and_storage_is_still_read(store, tmp_path):
    run = run_of()
    with local_session(load_settings(state=tmp_path / "state"), worker_command=IDLE_WORKER) as session:
        board = ProgressBoard(connect_lazily(session.settings))
        watcher = RunWatcher(store, run, board)
        board.publish(run.run_id, line(1, epochs_done=2))
        board.report_trouble(run.run_id, 1, "trouble")
        before = watcher.look()

    commit_record(store, failed(run, 0))
    after = watcher.look()

    assert (before.live, after.live) == (True, False)
    assert after.progress == before.progress == {1: line(1, epochs_done=2)}
    assert after.notes == before.notes == {1: "trouble"}
    assert set(after.records) == {0}
