import errno
import hashlib
import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import redis

from deepchord.coordinator.cli.broker_session import BrokerSession
from deepchord.coordinator.cli.following import follow
from deepchord.coordinator.local import local_session
from deepchord.coordinator.monitoring import RunView, following, raise_if_failed, stall_diagnosis, view_run, watch_run
from deepchord.coordinator.reconciliation import Reconciler
from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.broker import KEY_PREFIX, ProgressBoard, connect_lazily
from deepchord.shared.checkpoints import encode_member_probabilities
from deepchord.shared.command_line.output import OutputStream
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.errors import (
    OutputClosedError,
    OutputError,
    RunCancelledError,
    RunFailedError,
    StorageError,
    WorkersStoppedError,
)
from deepchord.shared.messages import (
    Cancellation,
    EpochMetrics,
    MemberRecord,
    RunFailure,
    RunSpec,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.queue import QUEUE
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from tests.records import commit_record

TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="here", engine="tensorflow", engine_version="2", device="CPU:0")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
IDLE_WORKER = (sys.executable, "-c", "import time; time.sleep(1000)")
LABELS = np.arange(20) % 2


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    images = np.zeros((20, 6, 6), dtype=np.uint8)
    arrays = {"x_train": images, "y_train": LABELS, "x_test": images, "y_test": LABELS}
    dataset = publish_dataset(dataset_from_arrays(arrays, name="tiny", source="tiny"), store)
    request = plan_request(None, {"members": 2, "seed": 1})
    return plan_run(request, TINY, dataset, max_attempts=3, now=NOW)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(cache=tmp_path / "cache", state=tmp_path / "state")


def fail(store: RunStore, run: RunSpec) -> RunFailure:
    failure = RunFailure(requested=2, trained=0, reason="nobody learnt anything", failed_at=NOW)
    store.evaluation(run).commit_failure(failure)
    return failure


def commit(store: RunStore, run: RunSpec, index: int) -> None:
    data = encode_member_probabilities(np.eye(2, dtype=np.float32)[LABELS])
    store.member(run.run_id, index).put_probabilities(1, data)
    epoch = EpochMetrics(train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5, duration_s=1)
    member = TrainedMember(
        spec=plan_member(run.run_id, run.seed, index),
        attempt=1,
        trainer=TRAINER,
        started_at=NOW,
        finished_at=NOW,
        history=(epoch,),
        best_epoch=1,
        weights_sha256="0" * 64,
        probabilities_sha256=hashlib.sha256(data).hexdigest(),
    )
    commit_record(store, MemberRecord(member=member))


def test_a_run_is_seen_again_and_again_until_it_has_ended(settings, store, run):
    seen = watch_run(settings, store, run)
    states = [next(seen).state, next(seen).state]
    commit(store, run, 0)
    states.append(next(seen).state)
    fail(store, run)

    assert [*states, *(view.state for view in seen)] == ["waiting", "waiting", "training", "failed"]


def test_between_two_views_is_checked_whether_waiting_is_of_use(settings, store, run):
    def stop() -> None:
        raise WorkersStoppedError("nobody is left")

    seen = watch_run(settings, store, run, stop)

    assert next(seen).state == "waiting"
    with pytest.raises(WorkersStoppedError, match="nobody is left"):
        next(seen)


def test_a_run_that_its_last_worker_ended_before_it_stopped_is_at_its_end(settings, store, run):
    def stop() -> None:
        fail(store, run)
        raise WorkersStoppedError("nobody is left")

    assert [view.state for view in watch_run(settings, store, run, stop)] == ["waiting", "failed"]


def test_storage_that_is_away_does_not_hide_why_the_workers_stopped(settings, store, run, monkeypatch):
    def stop() -> None:
        monkeypatch.setattr(store.objects, "exists", unavailable)
        raise WorkersStoppedError("nobody is left")

    def unavailable(key: str) -> bool:
        raise StorageError("away")

    seen = watch_run(settings, store, run, stop)

    assert next(seen).state == "waiting"
    with pytest.raises(WorkersStoppedError, match="nobody is left"):
        next(seen)


def test_a_run_that_has_ended_is_not_checked_any_more(settings, store, run):
    def stop() -> None:
        raise WorkersStoppedError("nobody is left")

    fail(store, run)

    assert [view.state for view in watch_run(settings, store, run, stop)] == ["failed"]


@pytest.mark.parametrize(("embedded", "command"), [(False, "watch"), (True, "resume")])
def test_storage_that_stays_away_ends_the_command_with_what_goes_on(
    settings, store, run, monkeypatch, embedded, command
):
    monkeypatch.setattr(following, "_MAX_STORAGE_OUTAGE_S", 0.0)
    folder = Path(store.objects.url)

    def lose() -> None:
        folder.rename(folder.with_name("away"))
        folder.write_text("no folder")

    session = BrokerSession(settings=settings, embedded=embedded, check=lose, flower_address=None)
    with pytest.raises(StorageError, match=rf"^Cannot .*; `deepchord {command} {run.run_id}` (goes|follows)") as caught:
        follow(session, store, run)

    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("embedded", "command"), [(False, "watch"), (True, "resume")])
@pytest.mark.parametrize(
    ("number", "kind", "sentence"),
    [
        (errno.EPIPE, OutputClosedError, "Nobody reads the output any more"),
        (errno.ENOSPC, OutputError, "The output cannot be written: No space left on device. Following it ended"),
    ],
)
def test_output_that_nobody_reads_or_takes_ends_the_command_with_what_goes_on(
    settings, store, run, monkeypatch, embedded, command, number, kind, sentence
):
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sys, "stdout", OutputStream(Broken(), is_error=False))
    session = BrokerSession(settings=settings, embedded=embedded, check=lambda: None, flower_address=None)

    with pytest.raises(kind, match=f"^{sentence}: .*; `deepchord {command} {run.run_id}` (goes|follows)") as caught:
        follow(session, store, run)

    assert type(caught.value) is kind


def test_while_the_workers_of_this_machine_start_that_is_said(settings, store, run):
    seen = watch_run(settings, store, run, embedded=True)
    waiting = next(seen)
    commit(store, run, 0)

    assert str(waiting.stall_reason).startswith("the workers on this machine are starting")
    assert next(seen).stall_reason is None


def test_a_reason_that_is_a_sentence_has_one_full_stop(store, run):
    failure = fail(store, run).model_copy(update={"reason": "it is damaged. Restore it, or train a new run."})

    with pytest.raises(RunFailedError, match=r"train a new run[.]$"):
        raise_if_failed(RunView(run=run, failure=failure))


def test_a_failed_run_raises_its_reason(store, run):
    failure = fail(store, run)

    with pytest.raises(RunFailedError, match=f"^Run {run.run_id} failed: nobody learnt anything.$"):
        raise_if_failed(RunView(run=run, failure=failure))
    raise_if_failed(RunView(run=run))


def test_the_ensemble_so_far_is_scored_against_the_labels_of_the_published_data(settings, store, run):
    commit(store, run, 1)

    assert view_run(settings, store, run).so_far.test_accuracy == 1.0


def test_without_the_data_set_the_view_does_without_the_ensemble_so_far(settings, store, run):
    commit(store, run, 1)
    (Path(store.objects.url) / "datasets" / f"{run.dataset.sha256}.npz").unlink()

    view = view_run(settings, store, run)

    assert (view.so_far, view.trained) == (None, 1)


@pytest.mark.slow
@pytest.mark.parametrize("note", ["RunNotFoundError: There is no run here.", None])
def test_a_run_whose_members_are_sent_in_vain_ends_instead_of_waiting_for_ever(
    settings, store, run, broker_url, monkeypatch, note
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(following, "_MIN_PAUSE_S", 0.2)
    settings = settings.model_copy(update={"broker": broker_url, "lease_s": 0.3})
    with connect_lazily(settings) as client:
        if note:
            ProgressBoard(client).note(run.run_id, 1, note)

        def lose() -> None:
            client.delete(f"{KEY_PREFIX}{QUEUE}")

        with pytest.raises(RunFailedError) as caught:
            list(watch_run(settings, store, run, lose))

    assert f"Run {run.run_id} cannot go on: its members 0, 1 were sent 3 times in vain" in str(caught.value)
    assert (f"member 1: {note}" if note else "the logs of the workers tell more") in str(caught.value)
    assert "Do all workers see the same storage as this command?" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("embedded", [True, False])
def test_a_run_with_a_broker_of_its_own_is_looked_after_by_nobody_else(
    settings, store, run, broker_url, monkeypatch, embedded
):
    looked: list[str] = []
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda _, found: looked.append(found.run_id))
    store.set_local(run.run_id, local=True)

    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run, embedded=embedded)

    first, second = next(seen), next(seen)
    assert first.live
    assert second.live
    assert looked == ([run.run_id] if embedded else [])
    assert ("`deepchord resume` goes on" in (second.stall_reason or "")) is not embedded


def test_a_run_with_a_broker_of_its_own_that_is_not_here_says_at_once_how_to_go_on(settings, store, run):
    assert next(watch_run(settings, store, run)).stall_reason is None
    store.set_local(run.run_id, local=True)

    view = next(watch_run(settings, store, run))

    assert not view.live
    assert "if it is gone, `deepchord resume` goes on" in view.stall_reason


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_a_run_that_somebody_resumes_meanwhile_is_watched_on_its_own_broker(settings, store, run, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    store.set_local(run.run_id, local=True)
    seen = watch_run(settings, store, run)
    assert not next(seen).live

    with local_session(settings, run_id=run.run_id, worker_command=IDLE_WORKER):
        looks = [next(seen) for _ in range(3)]
    gone = [next(seen) for _ in range(3)]

    assert (looks[-1].live, looks[-1].stall_reason) == (True, None)
    assert not gone[-1].live
    assert "`deepchord resume` goes on" in gone[-1].stall_reason


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_a_local_run_that_somebody_resumes_on_a_fleet_is_watched_there(settings, store, run, broker_url, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    looked: list[str] = []
    monkeypatch.setattr(Reconciler, "reconcile", lambda _, found: looked.append(found.run_id))
    store.set_local(run.run_id, local=True)
    with local_session(settings, run_id=run.run_id, worker_command=IDLE_WORKER):
        seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run)
        assert [next(seen).stall_reason for _ in range(3)] == [None, None, None]
    gone = [next(seen) for _ in range(3)][-1]
    assert (gone.live, looked) == (False, [])
    assert "`deepchord resume` goes on" in gone.stall_reason

    store.set_local(run.run_id, local=False)
    resumed = [next(seen) for _ in range(4)][-1]

    assert resumed.live
    assert "resume" not in (resumed.stall_reason or "")
    assert run.run_id in looked


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_a_run_that_its_last_worker_has_left_says_so(settings, store, run, broker_url, monkeypatch, members):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: None)
    for index in range(members):
        commit(store, run, index)

    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run)

    *looks, last = (next(seen) for _ in range(4))
    assert {view.state for view in (*looks, last)} == {"training" if members == 1 else "evaluating"}
    assert [view.stall_reason for view in looks] == [None, None, None]
    assert last.stall_reason == "no worker is connected to this broker any more: `deepchord worker` starts one"

    commit(store, run, 1)
    if members == 1:
        assert next(seen).stall_reason is None


@pytest.mark.slow
def test_a_run_whose_broker_takes_nothing_any_more_says_so_until_it_does(
    settings, store, run, full_broker_url, monkeypatch
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(stall_diagnosis, "_TAKEN_WITHIN_S", 0.0)
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: None)
    seen = watch_run(settings.model_copy(update={"broker": full_broker_url}), store, run)

    *_, full = (next(seen) for _ in range(2))
    with redis.Redis.from_url(full_broker_url) as client:
        client.config_set("maxmemory", 0)
    *_, free = (next(seen) for _ in range(2))

    assert (full.stall_reason or "").startswith("the broker has no memory left")
    assert free.stall_reason == "no worker is connected to this broker: `deepchord worker` starts one"


@pytest.mark.slow
@pytest.mark.parametrize(("members", "embedded", "told"), [(1, False, True), (1, True, False), (2, False, False)])
def test_any_worker_may_evaluate_what_few_may_train(
    settings, store, run, broker_url, monkeypatch, members, embedded, told
):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    monkeypatch.setattr(stall_diagnosis, "served_queues", lambda _: {"box": frozenset({QUEUE})})
    monkeypatch.setattr(Reconciler, "reconcile", lambda *_: None)
    for index in range(members):
        commit(store, run, index)

    run = run.model_copy(update={"require": "gpu"})
    monkeypatch.setattr(RunStore, "run", lambda *_: run)
    seen = watch_run(settings.model_copy(update={"broker": broker_url}), store, run, embedded=embedded)

    *_, last = (next(seen) for _ in range(4))
    assert ("no connected worker serves --require gpu" in (last.stall_reason or "")) is told


def test_a_cancelled_run_ends_the_views_and_can_be_resumed(settings, store, run):
    store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=NOW))

    (view,) = watch_run(settings, store, run)

    assert view.state == "cancelled"
    with pytest.raises(RunCancelledError, match=f"`deepchord resume {run.run_id}` goes on"):
        raise_if_failed(view)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no embedded broker on Windows")
def test_a_broker_that_goes_away_between_two_looks_does_not_stop_the_views(settings, store, run, monkeypatch):
    monkeypatch.setattr(following, "_SUPERVISE_EVERY_S", 0.0)
    with local_session(settings, worker_command=IDLE_WORKER) as session:
        seen = watch_run(session.settings, store, run)
        assert next(seen).live
        assert next(seen).live

    assert not next(seen).live
    fail(store, run)
    assert [view.state for view in seen] == ["failed"]
