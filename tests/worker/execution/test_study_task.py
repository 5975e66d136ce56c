"""What becomes of a study's message, with a real broker and storage."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from deepchord.shared.broker import KEY_PREFIX, Holder, study_lease
from deepchord.shared.broker.leases import parse_lease_name
from deepchord.shared.errors import EngineError, MessageDecodeError, RunFailedError, StorageError
from deepchord.shared.messages import RunSpec, StudyFailure, StudySpec
from deepchord.shared.queue import EVALUATE_STUDY, QUEUE
from deepchord.shared.storage import RunStore
from deepchord.worker.execution import handle_study
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.execution.outcomes import Completed, Outcome, Refused, Requeue, Resend
from deepchord.worker.resources import Resources
from deepchord.worker.studies import study_on_worker
from tests.worker.failing_engine import FailingEngine

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture
def spec(resources: Resources, run: RunSpec, recorded: Callable[[str], None]) -> StudySpec:
    recorded("ttf")
    attempt_evaluation(resources, run, lambda: None)
    wanted = StudySpec(run_id=run.run_id, extension=0, name="again", requested_at=datetime.now(UTC))
    resources.store.study(run.run_id, "again").create(wanted)
    return wanted


@pytest.fixture
def handle(resources: Resources, spec: StudySpec) -> Callable[..., Outcome]:
    return lambda name="again": handle_study(resources, spec.run_id, name, "me@here")


def test_a_study_is_done_once_beside_the_evaluation_of_the_run(handle, resources, run, store: RunStore, spec):
    before = store.evaluation(run).result()

    assert handle() == Completed(status="evaluated")
    first = store.study(run.run_id, "again").result()
    assert handle() == Completed(status="evaluated")

    assert store.study(run.run_id, "again").result() == first
    assert store.evaluation(run).result() == before
    assert len(store.study(run.run_id, "again").attempts()) == 1
    assert resources.leases.remaining_s(study_lease(run.run_id, "again")) is None


def test_a_study_that_nobody_asked_for_is_ignored(handle):
    assert handle("other") == Completed(status=None)


def test_a_study_that_another_worker_does_is_left_to_it(handle, resources, spec):
    other = Holder(worker="another", process_id=1, token="1")
    resources.leases.hold(study_lease(spec.run_id, "again"), other, 30.0)

    outcome = handle()

    assert isinstance(outcome, Resend)
    assert outcome.after_s == pytest.approx(31, abs=1)


class LeavingEngine(FailingEngine):
    """Lets its worker be told to stop when it builds the first network."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources.engine, ())
        self._leaving = resources.leaving

    def build(self, *arguments: Any) -> Any:
        self._leaving.set()
        return super().build(*arguments)


def test_a_worker_that_stops_hands_the_study_over(handle, resources, store: RunStore, spec):
    resources.engine = LeavingEngine(resources)

    assert handle() == Requeue()
    assert handle() == Requeue()  # it does not begin again

    attempts = store.study(spec.run_id, "again").attempts()
    assert [attempt.handed_over for attempt in attempts] == [True]


def test_a_study_that_fails_for_good_says_why_at_once(handle, fails, store: RunStore, spec):
    fails(EngineError("broken"))

    assert handle() == Completed(status="failed")

    failure = store.study(spec.run_id, "again").failure()
    assert failure.reason == "EngineError: broken"
    assert handle() == Completed(status="failed")


def test_other_errors_are_tried_three_times(handle, fails, store: RunStore, spec):
    fails(ValueError("one"), ValueError("two"), ValueError("three"))

    assert [type(handle()) for _ in range(2)] == [Resend, Resend]
    assert handle() == Completed(status="failed")
    assert store.study(spec.run_id, "again").failure().reason == "ValueError: three"


def test_a_storage_that_does_not_answer_leaves_the_study_to_a_later_attempt(handle, fails, store: RunStore, spec):
    fails(StorageError("not now"))

    assert isinstance(handle(), Resend)
    assert handle() == Completed(status="evaluated")


def test_a_study_whose_worker_died_three_times_is_given_up(handle, store: RunStore, spec):
    for _ in range(3):
        store.study(spec.run_id, "again").start_attempt(b"{}")

    assert handle() == Completed(status="failed")
    assert "begun 3 times" in store.study(spec.run_id, "again").failure().reason


def test_a_damaged_study_is_left_to_other_workers(handle, store: RunStore, spec):
    store.objects.replace(f"runs/{spec.run_id}/studies/again/study.json", b"no")

    assert isinstance(handle(), Refused)


def test_a_message_that_names_no_study_is_refused(app, spec):
    task = app.tasks[EVALUATE_STUDY]

    for arguments in (["../x", "again"], [spec.run_id, "../again"], [spec.run_id, 3]):
        with pytest.raises(MessageDecodeError, match="expected the id of a run and a study's name"):
            task.apply(args=arguments).get()
    assert task.apply(args=[spec.run_id, "again"]).get()["status"] == "evaluated"


def test_whoever_asks_waits_until_a_worker_has_done_it_and_sends_a_lost_message_again(
    resources, store: RunStore, spec, app, broker_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deepchord.worker.studies.remote._SEND_AGAIN_AFTER_S", 0.05)
    monkeypatch.setattr("deepchord.worker.studies.remote._LOOK_EVERY_S", 0.02)
    said: list[str] = []
    asked = threading.Thread(
        target=study_on_worker, args=(resources.settings, store, spec.run_id, "again", said.append)
    )

    asked.start()
    with redis.Redis.from_url(broker_url) as client:
        for _ in range(2):  # the first message is lost
            assert client.brpop(f"{KEY_PREFIX}{QUEUE}", timeout=60) is not None
        app.tasks[EVALUATE_STUDY].apply(args=[spec.run_id, "again"])
    asked.join(60)

    assert not asked.is_alive()
    assert store.study(spec.run_id, "again").has_result()
    assert said == ["no worker is connected; the study waits for one"]


def test_a_study_that_no_worker_can_begin_is_given_up(
    resources, store: RunStore, spec, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deepchord.worker.studies.remote._SEND_AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr("deepchord.worker.studies.remote._LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("deepchord.worker.studies.remote._is_lost", lambda *_: True)
    monkeypatch.setattr("deepchord.worker.studies.remote.served_queues", lambda _: {"one@here": frozenset({QUEUE})})

    with pytest.raises(RunFailedError, match="was sent 3 times, and no worker began it: do all workers see the same"):
        study_on_worker(resources.settings, store, spec.run_id, "again")


def test_a_broker_that_does_not_answer_is_told_once_and_waited_for(
    resources, store: RunStore, run, spec, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []

    def away(_app: Any) -> None:
        if len(tries) > 2:
            store.study(run.run_id, "again").commit_failure(
                StudyFailure(spec=spec, reason="it is enough", failed_at=datetime.now(UTC))
            )
        tries.append("")
        raise redis.ConnectionError("away")

    tries: list[str] = []
    monkeypatch.setattr("deepchord.worker.studies.remote._LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("deepchord.worker.studies.remote.served_queues", away)

    study_on_worker(resources.settings, store, spec.run_id, "again", said.append)

    assert said == ["the broker does not answer; the study waits for it"]


def test_a_worker_with_another_storage_leaves_the_study_to_others(resources, spec):
    elsewhere = Resources(resources.settings.model_copy(update={"storage": f"{resources.settings.storage}-other"}))

    assert isinstance(handle_study(elsewhere, spec.run_id, "again", "me@here"), Refused)


def test_the_lease_of_a_study_is_told_as_work_on_its_run(spec):
    assert parse_lease_name(study_lease(spec.run_id, "again-1")) == (spec.run_id, None)
