"""Task names and all Celery configuration, the same for coordinator, workers and Flower."""

import importlib
import logging
from types import ModuleType
from typing import Any

from celery import Celery
from celery.loaders.app import AppLoader

from deepchord.shared.broker import KEY_PREFIX, tls_options
from deepchord.shared.errors import InputError
from deepchord.shared.process import CELERY_VARIABLES, describe_foreign, remove_variables
from deepchord.shared.queue.result_backend import SCHEME
from deepchord.shared.queue.transport import SOCKET_TRANSPORT, TASK_QUEUE, TRANSPORT
from deepchord.shared.settings import Settings, celery_url, is_socket

logger = logging.getLogger(__name__)

TRAIN_MEMBER = "deepchord.train_member"
EVALUATE_ENSEMBLE = "deepchord.evaluate_ensemble"
QUEUE = TASK_QUEUE
#: The remote control command that makes a worker hand its member over and stop.
DRAIN = "deepchord_drain"

#: What every worker is started with, however that is done: one member at a time, in a process of its own.
WORKER_OPTIONS = ("--pool", "prefork", "--concurrency", "1", "--without-gossip", "--without-mingle")

#: How long workers have to say which queues they serve.
_ANSWER_WITHIN_S = 1.0
#: A process of a worker that has not started by then is killed, and another one is started.
_PROCESS_STARTS_WITHIN_S = 600.0
_MONTH_S = 30 * 24 * 3600


def queue_for(requirement: str | None) -> str:
    """Return the queue of the members of a run: the one that every worker takes from, or one for a requirement."""
    return QUEUE if requirement is None else f"{QUEUE}.{requirement}"


def served_queues(app: Celery) -> dict[str, frozenset[str]]:
    """Return the connected workers, by name, and the queues that each takes from.

    Raises:
        redis.RedisError, kombu.exceptions.OperationalError: The broker does not answer.
    """
    answers = app.control.inspect(timeout=_ANSWER_WITHIN_S).active_queues() or {}
    return {worker: frozenset(queue["name"] for queue in queues) for worker, queues in answers.items()}


class InstalledLoader(AppLoader):  # type: ignore[misc]  # Celery has no types
    """Imports what is installed; Celery's own loader looks into the current folder first."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> ModuleType:
        """Import a module, whatever lies in the current folder."""
        return (imp or importlib.import_module)(module, package=package)

    def find_module(self, module: str) -> ModuleType:
        """Do the same."""
        return importlib.import_module(module)


def create_app(settings: Settings, *, takes_tasks: bool = False) -> Celery:
    """Return the Celery application for a broker.

    What each setting prevents is told in docs/celery.md.

    Args:
        settings: Where the broker is.
        takes_tasks: Whether this is a worker; others do not put back what workers hold, and need no right to do so.

    Raises:
        InputError: No broker is configured.
    """
    if settings.broker is None:
        raise InputError("No broker is given: set DEEPCHORD_BROKER or --broker to redis://[:password@]host:port/0.")
    transport = {
        "visibility_timeout": settings.visibility_timeout_s,
        "global_keyprefix": KEY_PREFIX,
        # Together: every ten seconds is looked for messages whose worker has gone, not every hundred.
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": settings.connect_timeout_s,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "ack_emulation": takes_tasks,
    }
    tls = tls_options(settings)
    ignored = describe_foreign(remove_variables(CELERY_VARIABLES))
    if ignored:
        logger.warning("%s", ignored)
    app = Celery("deepchord", loader=InstalledLoader, fixups=())
    # Not among Celery's settings, which its remote control tells.
    app.signing_key = settings.signing_key
    app.conf.update(
        broker_url=celery_url(settings.broker),
        result_backend=SCHEME + celery_url(settings.broker),
        broker_transport=SOCKET_TRANSPORT if is_socket(settings.broker) else TRANSPORT,
        broker_use_ssl=tls,
        redis_backend_use_ssl=tls,
        broker_transport_options=transport,
        result_backend_transport_options={
            "visibility_timeout": settings.visibility_timeout_s,
            "global_keyprefix": KEY_PREFIX,
        },
        task_default_queue=QUEUE,
        # Nothing on the wire can execute code.
        accept_content=["json"],
        result_accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        # At least once: acknowledged when done, handed on when a worker is lost.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_deduplicate_successful_tasks=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_concurrency=1,
        worker_pool_start_method="spawn",
        worker_proc_alive_timeout=_PROCESS_STARTS_WITHIN_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_backend_always_retry=True,
        # Longer than any run takes: a chord that expires never evaluates.
        result_expires=_MONTH_S,
        result_chord_expires=_MONTH_S,
        # Seen in Flower.
        task_track_started=True,
        task_send_sent_event=True,
        worker_send_task_events=True,
        enable_utc=True,
    )
    return app
