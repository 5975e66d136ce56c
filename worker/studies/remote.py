"""Has a worker do a study: sends its message, again if it gets lost, and waits until storage has the result."""

import time
from collections.abc import Callable

import redis
from kombu.exceptions import OperationalError

from deepchord.shared.broker import Leases, connect_lazily, permanent_error, study_lease
from deepchord.shared.errors import RunFailedError
from deepchord.shared.queue import EVALUATE_STUDY, QUEUE, create_app, queued_task_ids, served_queues
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

#: How often storage is looked at, and how long after it was sent a message counts as lost.
_LOOK_EVERY_S, _SEND_AGAIN_AFTER_S = 0.5, 30.0
#: How often a message may get lost while workers are connected, before any of them has begun.
_MAX_LOST = 3


def study_on_worker(
    settings: Settings, store: RunStore, run_id: str, name: str, report: Callable[[str], None] = lambda _: None
) -> None:
    """Send a study to the workers, again if its message gets lost, and wait until the study has ended.

    Args:
        settings: With a broker.
        store: Shared storage.
        run_id: The run.
        name: The name of the study.
        report: Called with a sentence if nobody is there to do it, or the broker does not answer; once for each.

    Raises:
        BrokerError: The broker refuses this user, or a command that this user gives.
        RunFailedError: Workers are connected, and none of them can begin.
        StorageError: Storage does not answer.
    """
    stored, client, app = store.study(run_id, name), connect_lazily(settings), create_app(settings)
    app.conf.task_publish_retry = False  # this function tries again itself
    sent_at: float | None = None
    lost, said = 0, set[str]()

    def say(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            report(sentence)

    while not (stored.has_result() or stored.has_failed()):
        try:
            if sent_at is None or (
                time.monotonic() - sent_at >= _SEND_AGAIN_AFTER_S and _is_lost(client, run_id, name)
            ):
                has_workers = any(QUEUE in queues for queues in served_queues(app).values())
                lost += sent_at is not None and has_workers and not stored.attempts()
                if lost >= _MAX_LOST:
                    raise _in_vain(run_id, name)
                app.send_task(EVALUATE_STUDY, args=[run_id, name], task_id=_task_id(run_id, name), queue=QUEUE)
                sent_at = time.monotonic()
                if not has_workers:
                    say("no worker is connected; the study waits for one")
        except (redis.RedisError, OperationalError) as error:
            refused = permanent_error(error)
            if refused is not None:
                raise refused from error
            say("the broker does not answer; the study waits for it")
        time.sleep(_LOOK_EVERY_S)  # storage tells nobody that something was written


def _in_vain(run_id: str, name: str) -> RunFailedError:
    return RunFailedError(
        f"Study {name} of run {run_id} was sent {_MAX_LOST} times, and no worker began it: do all workers see the same "
        "storage as this command, and have the same version? Their logs tell more; the same command goes on."
    )


def _is_lost(client: redis.Redis, run_id: str, name: str) -> bool:
    """Return whether a study is neither in the queue nor worked on."""
    is_held = Leases(client).remaining_s(study_lease(run_id, name)) is not None
    return not is_held and _task_id(run_id, name) not in queued_task_ids(client, QUEUE)


def _task_id(run_id: str, name: str) -> str:
    return f"{run_id}.study-{name}"
