"""What becomes of an evaluation's message, with a real broker and storage; what is resent is handled at once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from deepchord.shared.broker import KEY_PREFIX, Holder, evaluation_lease
from deepchord.shared.errors import (
    EngineError,
    MessageDecodeError,
    RunNotFoundError,
    StorageError,
)
from deepchord.shared.messages import Cancellation, MemberSpec, RunFailure, RunSpec
from deepchord.shared.queue import EVALUATE_ENSEMBLE, QUEUE, create_app
from deepchord.shared.settings import Settings
from deepchord.shared.storage import EvaluationStore, MemberStore, RunStore
from deepchord.worker.engines import Engine
from deepchord.worker.evaluation import evaluate_members
from deepchord.worker.execution import handle_evaluation
from deepchord.worker.execution.guarding.lease_renewal import Lease
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.execution.outcomes import Completed, DeferToOthers, Outcome, Refused, Requeue, Resend
from deepchord.worker.resources import Resources
from deepchord.worker.tasks import register_tasks
from deepchord.worker.training import Observer
from tests.worker.failing_engine import FailingEngine

pytestmark = pytest.mark.usefixtures("pauses")


OTHERS = partial(frozenset, ["other@here"])
OTHER = Holder(worker="another", process_id=1, token="1")


@pytest.fixture
def trained(resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]) -> None:
    for spec in members:
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)


@pytest.fixture
def handle(resources: Resources, run: RunSpec) -> Callable[..., Outcome]:
    def evaluation(run_id: str = run.run_id, **options: Any) -> Outcome:
        return handle_evaluation(resources, run_id, "me@here", **options)

    return evaluation


@pytest.mark.usefixtures("trained")
def test_a_run_is_evaluated_once_and_nothing_is_left_but_its_records(
    handle, resources: Resources, store: RunStore, run: RunSpec
):
    assert handle() == Completed(status="evaluated")
    evaluation = store.evaluation(run).result()
    assert handle() == Completed(status="evaluated")

    assert store.evaluation(run).result() == evaluation
    assert len(store.evaluation(run).attempts()) == 1
    assert resources.leases.remaining_s(evaluation_lease(run.run_id)) is None


def test_a_run_whose_members_have_not_ended_is_left_for_now(handle, store: RunStore, run: RunSpec):
    assert handle() == Completed(status=None)
    assert store.evaluation(run).attempts() == ()


@pytest.mark.usefixtures("trained")
def test_an_evaluation_that_somebody_else_makes_is_looked_at_again_later(
    handle, resources: Resources, store: RunStore, run: RunSpec
):
    resources.leases.hold(evaluation_lease(run.run_id), OTHER, 20)

    outcome = handle()

    assert isinstance(outcome, Resend)
    assert 19 < outcome.after_s < 22
    assert store.evaluation(run).attempts() == ()


@pytest.mark.usefixtures("trained")
def test_a_worker_that_was_told_to_stop_begins_no_evaluation(handle, resources: Resources, store: RunStore, run):
    resources.leaving.set()

    assert handle() == Requeue()
    assert store.evaluation(run).attempts() == ()


@pytest.mark.usefixtures("trained")
def test_an_evaluation_that_failed_here_is_left_to_another_worker_if_there_is_one(
    handle, resources: Resources, run: RunSpec
):
    resources.board.report_evaluation_trouble(run, "MemoryError: busy", failed_on="me@here")

    assert isinstance(handle(others=OTHERS), DeferToOthers)
    assert handle() == Completed(status="evaluated")


def test_an_evaluation_of_a_run_that_is_not_in_this_storage_is_refused(handle):
    refused = handle("20260101-000000-dead")

    assert isinstance(refused, Refused)
    assert isinstance(refused.error, RunNotFoundError)


@pytest.mark.usefixtures("trained")
def test_an_evaluation_that_no_attempt_can_be_begun_at_is_refused_and_watchers_see_why(
    handle, resources: Resources, run: RunSpec, monkeypatch
):
    def refuse(*_: object) -> int:
        raise StorageError("read-only", permanent=True)

    monkeypatch.setattr(EvaluationStore, "start_attempt", refuse)

    refused = handle()

    assert isinstance(refused, Refused)
    assert str(refused.error) == "read-only"
    assert resources.board.evaluation_trouble(run) == "StorageError: read-only"


# Through Celery's task


def test_an_ensemble_is_evaluated_when_all_members_have_records(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable
):
    recorded("ttt")

    assert evaluate(run.run_id) == "evaluated"

    found = store.evaluation(run).result()
    assert (found.requested, found.trained) == (3, 3)
    store.evaluation(run).probabilities(found.probabilities_sha256)


def test_failed_members_are_left_out_and_counted(evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable):
    recorded("tft")

    assert evaluate(run.run_id) == "evaluated"

    found = store.evaluation(run).result()
    assert (found.requested, found.trained) == (3, 2)
    assert [member.index for member in found.members] == [0, 2]


def test_an_evaluation_that_comes_early_does_nothing(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable
):
    recorded("tt-")

    assert evaluate(run.run_id) is None

    assert store.evaluation(run).result() is None
    assert store.evaluation(run).failure() is None


def test_an_evaluation_that_comes_twice_is_made_once(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    evaluate(run.run_id)
    first, engine = store.evaluation(run).result(), fails()

    assert evaluate(run.run_id) == "evaluated"

    assert engine.built == 0
    assert store.evaluation(run).result() == first


@pytest.mark.parametrize(("outcomes", "trained"), [("tff", 1), ("fff", 0)])
def test_a_run_with_too_few_trained_members_ends_as_failed(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, outcomes: str, trained: int
):
    recorded(outcomes)

    assert evaluate(run.run_id) == "failed"

    failure = store.evaluation(run).failure()
    assert (failure.requested, failure.trained) == (3, trained)
    assert failure.reason == f"{trained} members were trained, min_members is 2"
    assert store.evaluation(run).result() is None
    assert evaluate(run.run_id) == "failed"
    assert store.evaluation(run).failure() == failure


@pytest.mark.parametrize(
    ("threads", "evaluation_threads", "several"),
    [(None, None, False), (1, None, False), (1, 2, True), (2, 2, False), (4, 2, False)],
)
def test_an_evaluation_has_no_more_threads_than_it_is_given(
    evaluate: Callable,
    resources: Resources,
    run: RunSpec,
    recorded: Callable,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    threads: int | None,
    evaluation_threads: int | None,
    several: bool,
):
    recorded("ttt")
    for most in ("_MOST_IMAGES", "_FEWEST_OF_SEVERAL"):  # one thread does for two chunks
        monkeypatch.setattr(f"deepchord.worker.evaluation.prediction.{most}", 16)
    given = {"threads": threads, "evaluation_threads": evaluation_threads}
    resources.settings = resources.settings.model_copy(update=given)
    asked_by = set()
    network = type(engine.build(run.architecture.resolve(input_shape=(4, 4, 1), classes=3)))
    outputs = network.outputs

    def told(self: object, images: object) -> object:
        asked_by.add(threading.current_thread())
        return outputs(self, images)

    monkeypatch.setattr(network, "outputs", told)

    assert evaluate(run.run_id) == "evaluated"

    assert (asked_by != {threading.current_thread()}) == several


def test_an_evaluation_that_fails_is_tried_again(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    fails(MemoryError("busy"), MemoryError("busy"))

    assert evaluate(run.run_id) == "evaluated"
    assert store.evaluation(run).failure() is None


def test_an_evaluation_that_always_fails_ends_the_run_with_its_last_error(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    engine = fails(*[EngineError(f"trouble {number}") for number in range(1, 9)])

    assert evaluate(run.run_id) == "failed"

    assert engine.built == 3
    assert store.evaluation(run).failure().reason == "its evaluation failed: EngineError: trouble 3"
    assert store.evaluation(run).failure().trained == 3


def test_a_message_that_others_could_do_nothing_with_is_no_failed_evaluation(
    app: Celery, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    fails(MemoryError("busy"))

    result = app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id], retries=50)

    assert result.state == "IGNORED"
    assert store.evaluation(run).failure() is None


@pytest.mark.parametrize("what", ["../../etc", ["a"], None, 5, "", "a" * 100, "\x1b[31m"])
def test_a_message_to_evaluate_what_can_be_no_run_is_discarded_at_once(app: Celery, others_are, what: object):
    others_are("other@there")

    with pytest.raises(MessageDecodeError, match="expected the id of a run"):
        app.tasks[EVALUATE_ENSEMBLE].apply(args=[what]).get()


def test_an_evaluation_that_fails_is_left_to_another_worker_and_watchers_see_why(
    app: Celery, resources: Resources, run: RunSpec, recorded: Callable, fails: Callable, monkeypatch, others_are
):
    recorded("ttt")
    engine = fails(MemoryError("busy"), MemoryError("busy"))
    evaluation = app.tasks[EVALUATE_ENSEMBLE]
    assert evaluation.apply(args=[run.run_id]).state == "IGNORED"
    assert resources.board.evaluation_trouble(run) == "MemoryError: busy"

    others_are("other@here")
    queue, client = f"{KEY_PREFIX}{QUEUE}", resources.board._client
    client.delete(queue)
    waiting: list[int] = []
    monkeypatch.setattr(
        "deepchord.worker.execution.redelivery.time.sleep", lambda _: waiting.append(client.llen(queue))
    )
    assert evaluation.apply(args=[run.run_id]).state == "IGNORED"

    assert set(waiting) == {1}  # the other one can take it while this one pauses
    assert engine.built == 1
    assert len(resources.store.evaluation(run).attempts()) == 1
    waiting.clear()
    monkeypatch.setattr(
        "deepchord.worker.execution.redelivery.time.sleep", lambda _: waiting.append(0) or resources.leaving.set()
    )
    evaluation.apply(args=[run.run_id])
    assert waiting == [0]  # told to stop, it pauses no longer


def test_a_worker_that_is_told_to_stop_hands_its_evaluation_over_and_that_does_not_count(
    app: Celery, evaluate: Callable, resources: Resources, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")

    class LeavingEngine(FailingEngine):
        def build(self, *arguments: Any) -> Any:
            resources.leaving.set()
            return super().build(*arguments)

    resources.engine = LeavingEngine(resources.engine, [])

    assert app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id]).state == "REJECTED"
    assert app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id]).state == "REJECTED"

    assert [attempt.handed_over for attempt in resources.store.evaluation(run).attempts()] == [True]
    resources.leaving.clear()
    fails()
    for _ in range(12):
        resources.store.evaluation(run).hand_over(resources.store.evaluation(run).start_attempt(b""))
    assert evaluate(run.run_id) == "evaluated"


def test_an_evaluation_ends_when_its_run_is_cancelled_and_is_made_when_it_is_resumed(
    evaluate: Callable, resources: Resources, run: RunSpec, recorded: Callable, engine: Engine, monkeypatch
):
    recorded("ttt")
    resources.settings = resources.settings.model_copy(update={"lease_s": 1.0})
    leases: list[Lease] = []
    monkeypatch.setattr(
        "deepchord.worker.execution.guarding.guard.Lease",
        lambda *given, **named: leases.append(Lease(*given, **named)) or leases[-1],
    )

    class CancelledEngine(FailingEngine):
        def build(self, *arguments: Any) -> Any:
            resources.store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=datetime.now(UTC)))
            while leases[-1]._ended is None:  # storage is asked six times a second
                threading.Event().wait(0.01)
            return super().build(*arguments)

    resources.engine = CancelledEngine(engine, [])

    assert evaluate(run.run_id) is None

    assert [attempt.handed_over for attempt in resources.store.evaluation(run).attempts()] == [True]
    resources.store.resume_run(run.run_id)
    resources.engine = engine
    assert evaluate(run.run_id) == "evaluated"


def test_a_run_that_is_cancelled_just_before_its_evaluation_is_committed_stays_cancelled(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, monkeypatch
):
    recorded("ttt")

    def evaluate_then_cancel(*given: Any, **named: Any) -> Any:
        found = evaluate_members(*given, **named)
        store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=datetime.now(UTC)))
        return found

    monkeypatch.setattr("deepchord.worker.execution.evaluation_attempt.evaluate_members", evaluate_then_cancel)

    assert evaluate(run.run_id) is None

    assert (store.is_cancelled(run.run_id), store.evaluation(run).has_ended()) == (True, False)
    assert [attempt.handed_over for attempt in store.evaluation(run).attempts()] == [True]
    store.resume_run(run.run_id)
    monkeypatch.setattr("deepchord.worker.execution.evaluation_attempt.evaluate_members", evaluate_members)
    assert evaluate(run.run_id) == "evaluated"


def test_a_run_that_is_cancelled_while_its_evaluation_is_given_up_does_not_fail(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable, monkeypatch
):
    recorded("ttt")
    fails(*[EngineError("trouble")] * 3)
    given_up = []

    def cancel(evaluation: EvaluationStore, failure: RunFailure) -> bool:
        given_up.append(failure)
        store.cancel_run(run.run_id, Cancellation(host="here", cancelled_at=datetime.now(UTC)))
        return commit(evaluation, failure)

    commit = EvaluationStore.commit_failure
    monkeypatch.setattr(EvaluationStore, "commit_failure", cancel)

    assert evaluate(run.run_id) is None

    assert len(given_up) == 1
    assert (store.is_cancelled(run.run_id), store.evaluation(run).has_failed()) == (True, False)


def test_an_evaluation_that_comes_early_reads_no_record_and_takes_no_lease(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, monkeypatch
):
    recorded("tt-")
    monkeypatch.setattr(MemberStore, "record", lambda *_: pytest.fail("a record was read"))
    monkeypatch.setattr(
        "deepchord.worker.execution.guarding.guard.Lease", lambda *_, **__: pytest.fail("a lease was taken")
    )

    assert evaluate(run.run_id) is None

    assert store.evaluation(run).attempts() == ()


def test_a_record_that_cannot_be_read_ends_the_run_as_failed_in_the_end(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable
):
    recorded("ttt")
    (path,) = Path(store.objects.url).glob("runs/*/members/001/record.json")
    path.write_text("{")

    assert evaluate(run.run_id) == "failed"

    failure = store.evaluation(run).failure()
    assert failure.reason.startswith("its evaluation failed: DamagedRecordError: runs/")
    assert failure.trained == 2
    assert len(store.evaluation(run).attempts()) == 3


def test_a_listing_of_attempts_that_is_too_old_costs_one_attempt_more_at_most(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, monkeypatch
):
    recorded("ttt")
    for _ in range(3):
        store.evaluation(run).fail_attempt(store.evaluation(run).start_attempt(b""))
    with monkeypatch.context() as patched:
        patched.setattr(EvaluationStore, "attempts", lambda *_: ())

        assert evaluate(run.run_id) == "evaluated"

    assert len(store.evaluation(run).attempts()) == 4


def test_an_evaluation_that_failed_often_enough_is_not_tried_by_a_late_message(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    engine = fails()
    for _ in range(3):
        store.evaluation(run).fail_attempt(store.evaluation(run).start_attempt(b""))

    assert evaluate(run.run_id) == "failed"

    assert engine.built == 0
    assert store.evaluation(run).failure().reason == "its evaluation failed 3 times; see the workers' logs"


def test_an_evaluation_that_no_attempt_can_be_begun_at_is_left_to_others(
    app: Celery,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    recorded: Callable,
    monkeypatch,
    others_are,
    pauses: list[float],
):
    recorded("ttt")

    def refuse(*_: object) -> int:
        raise StorageError("read-only", permanent=True)

    monkeypatch.setattr(EvaluationStore, "start_attempt", refuse)

    assert app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id]).state == "IGNORED"
    assert resources.board.evaluation_trouble(run) == "StorageError: read-only"
    others_are("other@here")
    resources.board._client.delete(f"{KEY_PREFIX}failed-on:{run.run_id}:evaluation")
    pauses.clear()
    for retries in (1, 2, 3, 90):
        app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id], retries=retries)
        resources.board._client.delete(f"{KEY_PREFIX}failed-on:{run.run_id}:evaluation")
    assert [pause for pause in pauses if pause != 2.0] == [4.0, 8.0, 16.0, 30.0]
    others_are()
    with pytest.raises(StorageError, match="read-only"):
        app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id], retries=2).get()
    assert not store.evaluation(run).has_ended()


def test_a_storage_that_is_away_for_long_is_no_failed_evaluation(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    engine = fails(*[StorageError("away")] * 6)

    assert evaluate(run.run_id) == "evaluated"

    assert engine.built > 6
    assert store.evaluation(run).failure() is None


def test_an_evaluation_that_storage_always_fails_says_of_what(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, fails: Callable
):
    recorded("ttt")
    engine = fails(*[StorageError("away")] * 100)

    assert evaluate(run.run_id) == "failed"

    assert engine.built == 10
    assert store.evaluation(run).failure().reason == "its evaluation failed: StorageError: away"


def test_an_evaluation_that_never_comes_to_its_end_fails_in_the_end(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable
):
    recorded("ttt")
    for _ in range(10):
        store.evaluation(run).start_attempt(b"")

    assert evaluate(run.run_id) == "failed"

    assert (
        store.evaluation(run).failure().reason.startswith("its evaluation was begun 10 times and never came to its end")
    )


def test_an_evaluation_that_fails_here_does_not_fail_a_run_that_was_evaluated_elsewhere(
    evaluate: Callable,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    recorded: Callable,
    fails: Callable,
    engine: Engine,
    settings: Settings,
):
    recorded("ttt")

    class LosingEngine(FailingEngine):
        """Fails for the third time just after another worker has committed the evaluation."""

        def build(self, *arguments: Any) -> Any:
            if self.built == 2:
                other = Resources(settings)
                other.engine = engine
                app = create_app(settings)
                register_tasks(app, other)
                app.tasks[EVALUATE_ENSEMBLE].apply(args=[run.run_id]).get()
            return super().build(*arguments)

    resources.engine = LosingEngine(engine, [EngineError("trouble")] * 3)

    assert evaluate(run.run_id) == "evaluated"
    assert store.evaluation(run).failure() is None


def test_an_evaluation_that_fails_for_good_fails_no_run_that_was_extended_meanwhile(
    evaluate: Callable,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    recorded: Callable,
    engine: Engine,
):
    recorded("ttt")
    extended = run.model_copy(update={"members": run.members + 1, "extension": 1})

    class ExtendingEngine(FailingEngine):
        """Fails for the third time just after somebody has extended the run."""

        def build(self, *arguments: Any) -> Any:
            if self.built == 2:
                assert store.extend_run(extended)
            return super().build(*arguments)

    resources.engine = ExtendingEngine(engine, [EngineError("trouble")] * 3)

    assert evaluate(run.run_id) is None
    assert store.evaluation(run).failure() is None
    assert store.evaluation(extended).failure() is None


def test_a_run_that_was_evaluated_before_the_lease_was_there_is_not_evaluated_again(
    evaluate: Callable,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    recorded: Callable,
    fails: Callable,
    monkeypatch,
):
    recorded("ttt")
    failure = RunFailure(requested=3, trained=3, reason="trouble", failed_at=run.created_at)
    engine, take = fails(), Lease.take

    def end_first(lease: Lease) -> Any:
        store.evaluation(run).commit_failure(failure)
        return take(lease)

    monkeypatch.setattr(Lease, "take", end_first)

    assert evaluate(run.run_id) == "failed"
    assert (engine.built, store.evaluation(run).attempts()) == (0, ())


def test_an_evaluation_of_a_run_that_is_not_in_this_storage_is_tried_again_and_then_an_error(
    evaluate: Callable, store: RunStore, monkeypatch: pytest.MonkeyPatch
):
    looked = []
    look = RunStore.run
    monkeypatch.setattr(RunStore, "run", lambda store, run_id: looked.append(run_id) or look(store, run_id))

    with pytest.raises(RunNotFoundError):
        evaluate("20260101-000000-dead")

    assert len(looked) == 3
