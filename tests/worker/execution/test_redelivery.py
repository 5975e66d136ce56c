"""What becomes of a message by its outcome, with a real broker; nobody sleeps."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from celery import Task

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.errors import RunNotFoundError, StorageError
from deepchord.shared.queue import QUEUE, create_app
from deepchord.shared.settings import Settings
from deepchord.worker.execution import settle
from deepchord.worker.execution.outcomes import (
    Completed,
    DeferToOthers,
    MemberTaken,
    Outcome,
    Refused,
    Requeue,
    Resend,
    RunCancelled,
    StorageUnavailable,
    WorkerLeaving,
    outcome_of,
)
from deepchord.worker.execution.redelivery import MAX_REDELIVERIES, MAX_REDELIVERIES_ALONE
from deepchord.worker.resources import Resources

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture
def queued(broker_url: str) -> Iterator[Callable[[], list[int]]]:
    """The messages in the queue, by how often they were redelivered."""
    with redis.Redis.from_url(broker_url) as client:
        yield lambda: [
            json.loads(message)["headers"]["retries"] for message in client.lrange(f"{KEY_PREFIX}{QUEUE}", 0, -1)
        ]


@pytest.fixture
def deliver(settings: Settings, resources: Resources) -> Callable[..., Any]:
    """Deliver a message whose handling has this outcome."""

    def message(outcome: Outcome, retries: int = 0) -> Any:
        app = create_app(settings)

        @app.task(bind=True, name="handled", shared=False, max_retries=None)
        def handled(task: Task) -> str:
            return settle(task, resources, outcome)

        return handled.apply(retries=retries)

    return message


def test_a_status_is_the_result_and_nothing_is_sent(deliver, queued):
    assert deliver(Completed(status="trained")).get() == "trained"
    assert queued() == []


def test_a_message_that_is_of_no_use_now_is_acknowledged_without_a_result(deliver, queued):
    assert deliver(Completed(status=None)).state == "IGNORED"
    assert queued() == []


@pytest.mark.parametrize(("after_s", "pause_s"), [(0.5, 0.5), (40.0, 2.0)])
def test_a_message_is_resent_after_a_moment_and_is_no_redelivery(deliver, queued, pauses, after_s, pause_s):
    assert deliver(Resend(after_s=after_s), retries=1).state == "IGNORED"

    assert pauses == [pause_s]
    assert queued() == [1]


def test_a_message_goes_back_to_the_queue_as_it_is(deliver, queued):
    assert deliver(Requeue()).state == "REJECTED"
    assert queued() == []  # the broker has it still


def test_a_message_for_others_is_resent_before_the_pause_which_ends_when_the_worker_is_to_stop(
    deliver, queued, resources: Resources, monkeypatch
):
    seen: list[list[int]] = []

    def sleep(_: float) -> None:
        seen.append(queued())
        if len(seen) == 3:
            resources.leaving.set()

    monkeypatch.setattr("deepchord.worker.execution.redelivery.time.sleep", sleep)

    assert deliver(DeferToOthers(pause_s=30.0)).state == "IGNORED"

    assert seen == [[0]] * 3


@pytest.mark.parametrize(
    ("outcome", "names", "limit"),
    [
        (StorageUnavailable(error=StorageError("away")), (), MAX_REDELIVERIES_ALONE),
        (StorageUnavailable(error=StorageError("away")), ("other@here",), MAX_REDELIVERIES_ALONE),
        (Refused(error=RunNotFoundError("no run")), (), MAX_REDELIVERIES_ALONE),
        (Refused(error=RunNotFoundError("no run")), ("other@here",), MAX_REDELIVERIES),
    ],
)
def test_what_is_of_no_use_here_is_redelivered_so_often_and_then_an_error(
    deliver, queued, others_are, outcome, names, limit
):
    others_are(*names)

    assert deliver(outcome, retries=limit - 2).state == "IGNORED"
    assert queued() == [limit - 1]
    with pytest.raises(type(outcome.error), match=str(outcome.error)):
        deliver(outcome, retries=limit - 1).get()
    assert queued() == [limit - 1]


def test_a_message_that_cannot_be_sent_again_goes_back_to_the_queue(deliver, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("celery.canvas.Signature.apply_async", fail)

    assert deliver(Resend(after_s=0.0)).state == "REJECTED"


def test_why_an_attempt_ended_says_what_becomes_of_its_message():
    assert outcome_of(RunCancelled()) == Completed(status=None)
    assert outcome_of(WorkerLeaving()) == Requeue()
    assert outcome_of(MemberTaken()) == Resend(after_s=1.0)
