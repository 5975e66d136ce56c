"""Has a worker do a study: sends its message, again if it gets lost, and waits until storage has the result."""

import time
from collections.abc import Callable

import redis
from kombu.exceptions import OperationalError

from deepchord.shared.broker import Leases, connect_lazily, permanent_error, study_lease
from deepchord.shared.queue import EVALUATE_STUDY, QUEUE, create_app, queued_task_ids, served_queues
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

#: How often storage is looked at, and how long after it was sent a message counts as lost.
_LOOK_EVERY_S, _SEND_AGAIN_AFTER_S = 0.5, 30.0


def study_on_worker(
    settings: Settings, store: RunStore, run_id: str, name: str, report: Callable[[str], None] = lambda _: None
) -> None:
    """Send a study to the workers, again if its message gets lost, and wait until the study has ended.

    Args:
        settings: With a broker.
        store: Shared storage.
        run_id: The run.
        name: The name of the study.
        report: Called with a sentence if nobody is there to do it.

    Raises:
        BrokerError: The broker refuses this user, or a command that this user gives.
        StorageError: Storage does not answer.
    """
    stored, client, app = store.study(run_id, name), connect_lazily(settings), create_app(settings)
    app.conf.task_publish_retry = False  # this function tries again itself
    sent_at: float | None = None
    reported = False
    while not (stored.has_result() or stored.has_failed()):
        now = time.monotonic()
        try:
            if sent_at is None or (now - sent_at >= _SEND_AGAIN_AFTER_S and _is_lost(client, run_id, name)):
                app.send_task(EVALUATE_STUDY, args=[run_id, name], task_id=_task_id(run_id, name), queue=QUEUE)
                sent_at = now
                if not reported and not any(QUEUE in queues for queues in served_queues(app).values()):
                    report("no worker is connected; the study waits for one")
                    reported = True
        except (redis.RedisError, OperationalError) as error:
            refused = permanent_error(error)
            if refused is not None:
                raise refused from error
        time.sleep(_LOOK_EVERY_S)


def _is_lost(client: redis.Redis, run_id: str, name: str) -> bool:
    """Return whether a study is neither in the queue nor worked on."""
    is_held = Leases(client).remaining_s(study_lease(run_id, name)) is not None
    return not is_held and _task_id(run_id, name) not in queued_task_ids(client, QUEUE)


def _task_id(run_id: str, name: str) -> str:
    return f"{run_id}.study-{name}"
