"""Turns an outcome into what Celery does with the message: acknowledge, resend, requeue, or fail the task."""

import math
import time
from typing import NoReturn

import redis
from celery import Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import OperationalError

from deepchord.shared.errors import DeepchordError
from deepchord.shared.queue import served_queues
from deepchord.worker.execution.outcomes import (
    RETRY_DELAY_S,
    DeferToOthers,
    Outcome,
    Refused,
    Requeue,
    Resend,
    StorageUnavailable,
)
from deepchord.worker.resources import Resources

#: How often a message that fails here is delivered if no other worker is connected.
MAX_REDELIVERIES_ALONE = 3
#: How often such a message is delivered if other workers are connected: they may be busy for long, or fail as well.
MAX_REDELIVERIES = 100
#: The longest wait before a redelivery while others are connected; the wait doubles each time.
MAX_BACKOFF_S = 30.0
#: The longest wait before a message is sent to the end of the queue.
_MAX_RESEND_DELAY_S = 2.0
#: How often a pause is interrupted to see whether the worker must stop.
_STEP_S = 0.1


def settle(task: Task, resources: Resources, outcome: Outcome) -> str:
    """Return the task's result if the outcome is final; else raise what makes Celery do something else.

    Args:
        task: The task, with the request of its message.
        resources: Its event `leaving` ends a pause.
        outcome: What happens to the message.

    Raises:
        Ignore: The message is acknowledged without a result: it was resent, or there is nothing to do now.
        Reject: The message goes back to the queue.
        DeepchordError: The task fails: the message was redelivered as often as is allowed.
    """
    match outcome:
        case Resend(after_s=after_s):
            _resend(task, after_s)
        case Requeue():
            raise Reject("the message is given back", requeue=True)
        case DeferToOthers(pause_s=pause_s):
            _resend_and_pause(task, resources, pause_s)
        case StorageUnavailable(error=error):  # few: each time loses the training since the last saved epoch
            redeliver(task, error, MAX_REDELIVERIES_ALONE)
        case Refused(error=error):
            redeliver(task, error)
    if outcome.status is None:
        raise Ignore
    return outcome.status


def redeliver(task: Task, error: DeepchordError, limit: int = MAX_REDELIVERIES) -> NoReturn:
    """Resend a message that this worker cannot handle; after too many deliveries raise the error, and the task fails.

    Args:
        task: The task, with the request of its message.
        error: Why this worker cannot handle it.
        limit: How often the message is delivered while other workers are connected; alone, this worker gets it three
            times.
    """
    others_can = bool(other_workers(task))
    if task.request.retries + 1 >= (limit if others_can else MAX_REDELIVERIES_ALONE):
        raise error
    if others_can:
        time.sleep(min(MAX_BACKOFF_S, RETRY_DELAY_S * 2**task.request.retries))
    _resend(task, RETRY_DELAY_S, task.request.retries + 1)


def other_workers(task: Task) -> frozenset[str]:
    """Return the names of the other workers that are connected and take from the queue that the message came from."""
    wanted = (task.request.delivery_info or {}).get("routing_key")
    try:
        connected = served_queues(task.app)
    except (redis.RedisError, OperationalError):
        return frozenset()
    return frozenset(name for name, queues in connected.items() if wanted in queues) - {task.request.hostname}


def _resend(task: Task, after_s: float, retries: int | None = None) -> NoReturn:
    """Send the message to the end of the queue again; the chord counts the delivery that completes the work.

    The message gets no ETA: an ETA depends on the clock of another host, and keeps the message at one worker while
    others are free.
    """
    time.sleep(min(after_s, _MAX_RESEND_DELAY_S))
    _publish_again(task, retries)
    raise Ignore


def _resend_and_pause(task: Task, resources: Resources, pause_s: float) -> NoReturn:
    """Send the message again, then take no message for a while, so that other workers can take this one."""
    _publish_again(task)
    for _ in range(math.ceil(pause_s / _STEP_S)):
        if not resources.leaving.is_set():
            time.sleep(_STEP_S)
    raise Ignore


def _publish_again(task: Task, retries: int | None = None) -> None:
    try:
        task.signature_from_request(retries=task.request.retries if retries is None else retries).apply_async()
    except (redis.RedisError, OperationalError) as error:
        raise Reject("the message could not be sent again", requeue=True) from error
