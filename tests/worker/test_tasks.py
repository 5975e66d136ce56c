"""The tasks' decisions, with a real broker and storage; what they send again follows at once."""

import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import (
    EngineError,
    MessageDecodeError,
    OtherVersionError,
    RunNotFoundError,
    SignatureError,
    StorageError,
)
from deepchord.shared.messages import Cancellation, FailedMember, MemberSpec, RunFailure, RunSpec, TrainedMember
from deepchord.shared.queue import EVALUATE_ENSEMBLE, QUEUE, TRAIN_MEMBER, create_app, sign
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import EvaluationStore, MemberStore, RunStore
from deepchord.worker.engines import Engine
from deepchord.worker.evaluation import evaluate_members
from deepchord.worker.execution.lease import Lease
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member, fail_member
from deepchord.worker.resources import Resources
from deepchord.worker.tasks import register_tasks
from deepchord.worker.training import Observer


class FailingEngine:
    """Raises what it is given, in turn, when it builds a network; then works."""

    def __init__(self, engine: Engine, errors: Iterable[Exception]) -> None:
        self._engine = engine
        self._errors = list(errors)
        self.built = 0
        self.name, self.version, self.device, self.devices = engine.name, engine.version, engine.device, engine.devices
        self.precision = engine.precision

    def build(self, *arguments: Any) -> Any:
        self.built += 1
        if self._errors:
            raise self._errors.pop(0)
        return self._engine.build(*arguments)

    def parallel_predictions(self) -> int:
        return self._engine.parallel_predictions()


@pytest.fixture
def app(settings: Settings, resources: Resources) -> Celery:
    application = create_app(settings)
    register_tasks(application, resources)
    return application


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the tasks would have slept."""
    slept: list[float] = []
    monkeypatch.setattr("deepchord.worker.execution.redelivery.time.sleep", slept.append)
    return slept


@pytest.fixture
def others_are(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let other workers of these names be connected that take the same messages."""

    def connect(*names: str) -> None:
        for module in ("deepchord.worker.tasks", "deepchord.worker.execution.redelivery"):
            monkeypatch.setattr(f"{module}.other_workers", lambda _: frozenset(names))

    return connect


@pytest.fixture
def perform(app: Celery, broker_url: str) -> Callable[..., Any]:
    """Perform a task, and again for as long as it sends its message once more; return its result, None if ignored."""

    def go(name: str, argument: Any) -> Any:
        retries = 0
        with redis.Redis.from_url(broker_url) as client:
            while True:
                result = app.tasks[name].apply(args=[argument], retries=retries)
                message = client.rpop(f"{KEY_PREFIX}{QUEUE}")
                if result.state != "IGNORED":
                    return result.get()
                if message is None:
                    return None
                retries = json.loads(message)["headers"]["retries"]

    return go


@pytest.fixture
def train(perform: Callable[..., Any]) -> Callable[[MemberSpec], Any]:
    return lambda spec: perform(TRAIN_MEMBER, spec.model_dump(mode="json"))


@pytest.fixture
def evaluate(perform: Callable[..., Any]) -> Callable[[str], str | None]:
    return lambda run_id: (perform(EVALUATE_ENSEMBLE, run_id) or {}).get("status")


@pytest.fixture
def fails(resources: Resources, engine: Engine) -> Callable[..., FailingEngine]:
    """Let the engine fail with these errors, in turn."""

    def fail(*errors: Exception) -> FailingEngine:
        resources.engine = FailingEngine(engine, errors)
        return resources.engine

    return fail


def test_a_member_is_trained_and_says_so_in_a_few_words(
    train: Callable, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...]
):
    assert train(members[0]) == {"run_id": run.run_id, "index": 0, "status": "trained"}

    assert isinstance(store.member(run.run_id, 0).record().member, TrainedMember)
    assert len(store.member(run.run_id, 0).attempts()) == 1


def test_a_member_that_has_a_record_is_not_trained_again(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    train(members[0])
    record = store.member(members[0].run_id, 0).record()
    engine = fails()

    train(members[0])

    assert engine.built == 0
    assert store.member(members[0].run_id, 0).record() == record
    assert len(store.member(members[0].run_id, 0).attempts()) == 1


def test_a_failed_attempt_is_followed_by_another_and_noted(
    train: Callable, resources: Resources, members: tuple[MemberSpec, ...], fails: Callable
):
    fails(EngineError("the driver hung"))

    assert train(members[0])["status"] == "trained"

    member = resources.store.member(members[0].run_id, 0).record().member
    assert member.attempt == 2
    assert resources.board.notes(members[0].run_id) == {0: "EngineError: the driver hung"}


def test_a_member_that_fails_in_every_attempt_is_a_record_with_the_last_error(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    engine = fails(EngineError("first"), MemoryError("second"), EngineError("third"))

    assert train(members[1])["status"] == "failed"

    member = store.member(members[1].run_id, 1).record().member
    assert isinstance(member, FailedMember)
    assert (member.error, member.attempt) == ("MemoryError: second", 2)
    assert engine.built == 2
    assert len(store.member(members[1].run_id, 1).attempts()) == 2


def test_attempts_are_bounded_over_all_workers_and_messages(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    store.member(members[0].run_id, 0).start_attempt(b"another worker")
    engine = fails(EngineError("here too"), EngineError("never reached"))

    assert train(members[0])["status"] == "failed"

    assert engine.built == 1
    assert store.member(members[0].run_id, 0).record().member.error == "EngineError: here too"


def test_a_member_whose_process_died_in_each_attempt_fails_without_another(
    train: Callable, store: RunStore, members: tuple[MemberSpec, ...], fails: Callable
):
    for _ in range(2):
        store.member(members[0].run_id, 0).start_attempt(b"killed")
    engine = fails()

    assert train(members[0])["status"] == "failed"

    member = store.member(members[0].run_id, 0).record().member
    assert engine.built == 0
    assert "its last 2 attempts ended without an error" in member.error
    assert member.attempt == 2


def test_a_worker_that_cannot_open_its_engine_leaves_a_failed_record_in_the_end(
    train: Callable, resources: Resources, members: tuple[MemberSpec, ...]
):
    class BrokenEngine:
        @property
        def name(self) -> str:
            raise EngineError("No engine is installed in this environment")

    resources.engine = BrokenEngine()

    assert train(members[0])["status"] == "failed"

    member = resources.store.member(members[0].run_id, 0).record().member
    assert member.trainer is None
    assert member.error == "EngineError: No engine is installed in this environment"


def test_a_member_of_a_run_that_is_not_in_this_storage_is_tried_again_and_then_an_error(
    train: Callable, resources: Resources, members: tuple[MemberSpec, ...]
):
    elsewhere = members[0].model_copy(update={"run_id": "20260101-000000-dead"})

    with pytest.raises(RunNotFoundError, match="no run '20260101-000000-dead'"):
        train(elsewhere)

    assert "no run '20260101-000000-dead'" in resources.board.notes("20260101-000000-dead")[0]


def test_a_run_that_appears_late_is_trained_after_all(
    train: Callable,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    members: tuple[MemberSpec, ...],
    monkeypatch: pytest.MonkeyPatch,
):
    late = run.model_copy(update={"run_id": "20260101-000000-1a7e"})
    note = resources.board.note

    def note_and_create(*arguments: Any, **options: Any) -> None:
        note(*arguments, **options)
        store.create_run(late)

    monkeypatch.setattr(resources.board, "note", note_and_create)

    assert train(members[0].model_copy(update={"run_id": late.run_id}))["status"] == "trained"


def test_a_member_whose_storage_is_unavailable_comes_again_a_few_times_whoever_else_is_there(
    app: Celery,
    resources: Resources,
    store: RunStore,
    run: RunSpec,
    members: tuple[MemberSpec, ...],
    monkeypatch,
    others_are,
):
    def full(*_: Any) -> None:
        raise StorageError("no space left", permanent=True)

    monkeypatch.setattr(MemberStore, "put_weights", full)
    others_are("other@here")
    task, message = app.tasks[TRAIN_MEMBER], members[0].model_dump(mode="json")

    assert task.apply(args=[message]).state == "IGNORED"
    resources.board._client.delete(f"{KEY_PREFIX}failed-on:{run.run_id}:0")
    with pytest.raises(StorageError, match="no space left"):
        task.apply(args=[message], retries=2).get()

    assert store.member(run.run_id, 0).record() is None
    assert [attempt.handed_over for attempt in store.member(run.run_id, 0).attempts()] == [True, True]


def test_a_message_that_is_none_is_refused_by_name(app: Celery):
    with pytest.raises(MessageDecodeError, match=r"Message of task .*unknown option 'model'"):
        app.tasks[TRAIN_MEMBER].apply(args=[{"run_id": "x", "model": 1}]).get()


def test_a_message_of_another_version_is_left_to_others_and_then_refused_with_both_versions(
    perform: Callable[..., Any], resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]
):
    message = {**members[0].model_dump(mode="json"), "protocol": 2, "version": "7.8.9"}

    with pytest.raises(OtherVersionError, match=r"deepchord 7\.8\.9 \(protocol 2\), but this is .* \(protocol 1\)"):
        perform(TRAIN_MEMBER, message)

    assert resources.store.member(run.run_id, 0).attempts() == ()
    assert "7.8.9" in resources.board.notes(run.run_id)[0]


@pytest.mark.parametrize(
    ("signature", "why"),
    [(None, "is not signed"), ("0" * 64, "another DEEPCHORD_SIGNING_KEY"), ("\u00e9", "another DEEPCHORD_SIGNING_KEY")],
)
def test_a_worker_with_a_key_refuses_what_is_not_signed_with_it(
    app: Celery, resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...], monkeypatch, signature, why
):
    monkeypatch.setattr(resources, "settings", resources.settings.model_copy(update={"signing_key": "k" * 16}))
    message = members[0].model_dump(mode="json")

    result = app.tasks[TRAIN_MEMBER].apply(args=[message, signature], retries=2)

    with pytest.raises(SignatureError, match=why):
        result.get()
    assert resources.store.member(run.run_id, 0).attempts() == ()


def test_a_worker_with_a_key_trains_what_is_signed_with_it(
    app: Celery, resources: Resources, members: tuple[MemberSpec, ...], monkeypatch
):
    monkeypatch.setattr(resources, "settings", resources.settings.model_copy(update={"signing_key": "k" * 16}))
    message = members[0].model_dump(mode="json")

    result = app.tasks[TRAIN_MEMBER].apply(args=[message, sign("k" * 16, message)])

    assert result.get()["status"] == "trained"


def test_a_member_is_trained_to_its_end_while_the_broker_is_away(
    resources: Resources, store: RunStore, run: RunSpec, members: tuple[MemberSpec, ...], free_port: int
):
    settings = load_settings(
        broker=f"redis://127.0.0.1:{free_port}/0", storage=resources.settings.storage, cache=resources.settings.cache
    )
    cut_off = Resources(settings)
    cut_off.engine = resources.engine
    app = create_app(settings)
    register_tasks(app, cut_off)

    app.tasks[TRAIN_MEMBER].apply(args=[members[0].model_dump(mode="json")]).get()

    member = store.member(run.run_id, 0).record().member
    assert (member.status, member.attempt) == ("trained", 1)


def test_an_epoch_is_an_event_that_flower_shows(app: Celery, train: Callable, members: tuple[MemberSpec, ...]):
    events: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"task-progress": events.append})
        consumer = receiver.itercapture(limit=5, timeout=60, wakeup=False)
        next(consumer)  # it listens

        app.tasks[TRAIN_MEMBER].apply(args=[members[0].model_dump(mode="json")], task_id="the-task").get()
        for _ in consumer:
            if len(events) == 5:
                break

    assert {event["uuid"] for event in events} == {"the-task"}
    assert [event["result"].split()[1] for event in events] == [f"{number}/5" for number in range(1, 6)]


@pytest.fixture
def recorded(resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]) -> Callable[[str], None]:
    """Commit a record for each member: t for trained, f for failed, - for none."""

    def commit(outcomes: str) -> None:
        for spec, outcome in zip(members, outcomes, strict=True):
            if outcome == "t":
                attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)
            elif outcome == "f":
                fail_member(resources, spec, 2, "EngineError: broken")

    return commit


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


def test_an_evaluation_that_is_rung_early_does_nothing(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable
):
    recorded("tt-")

    assert evaluate(run.run_id) is None

    assert store.evaluation(run).result() is None
    assert store.evaluation(run).failure() is None


def test_an_evaluation_that_is_rung_twice_is_made_once(
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
    probabilities = network.probabilities

    def told(self: object, images: object) -> object:
        asked_by.add(threading.current_thread())
        return probabilities(self, images)

    monkeypatch.setattr(network, "probabilities", told)

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
    assert resources.board.evaluation_note(run) == "MemoryError: busy"

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
        "deepchord.worker.execution.guard.Lease",
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


def test_an_evaluation_that_is_rung_early_reads_no_record_and_takes_no_lease(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, monkeypatch
):
    recorded("tt-")
    monkeypatch.setattr(MemberStore, "record", lambda *_: pytest.fail("a record was read"))
    monkeypatch.setattr("deepchord.worker.execution.guard.Lease", lambda *_, **__: pytest.fail("a lease was taken"))

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


def test_a_listing_that_does_not_show_the_attempt_yet_does_no_harm(
    evaluate: Callable, store: RunStore, run: RunSpec, recorded: Callable, monkeypatch
):
    recorded("ttt")
    monkeypatch.setattr(EvaluationStore, "attempts", lambda *_: ())

    assert evaluate(run.run_id) == "evaluated"


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
    assert resources.board.evaluation_note(run) == "StorageError: read-only"
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


def test_an_evaluation_of_a_run_that_is_not_in_this_storage_is_tried_again_and_then_an_error(
    evaluate: Callable, store: RunStore, monkeypatch: pytest.MonkeyPatch
):
    looked = []
    look = RunStore.run
    monkeypatch.setattr(RunStore, "run", lambda store, run_id: looked.append(run_id) or look(store, run_id))

    with pytest.raises(RunNotFoundError):
        evaluate("20260101-000000-dead")

    assert len(looked) == 3
