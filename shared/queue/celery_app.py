"""The names of the tasks and the Celery configuration, the same for coordinator, workers and Flower."""

import importlib
import logging
from types import ModuleType
from typing import Any

from celery import Celery
from celery.loaders.app import AppLoader

from deepchord.shared.broker import KEY_PREFIX, configured_url, tls_options
from deepchord.shared.process import CELERY_VARIABLES, describe_foreign, remove_variables
from deepchord.shared.queue.result_backend import SCHEME
from deepchord.shared.queue.transport import SOCKET_TRANSPORT, TASK_QUEUE, TRANSPORT
from deepchord.shared.settings import Settings, celery_url, is_socket

logger = logging.getLogger(__name__)

TRAIN_MEMBER = "deepchord.train_member"
EVALUATE_ENSEMBLE = "deepchord.evaluate_ensemble"
EVALUATE_STUDY = "deepchord.evaluate_study"
QUEUE = TASK_QUEUE
#: The remote control command that makes a worker hand over its member and stop.
DRAIN = "deepchord_drain"

#: The options of every worker: it trains one member at a time, in a separate process.
WORKER_OPTIONS = ("--pool", "prefork", "--concurrency", "1", "--without-gossip", "--without-mingle")

#: How long to wait until all workers have answered which queues they serve.
_ANSWER_WITHIN_S = 1.0
#: If a worker's process takes longer to start, it is killed and another one is started.
_PROCESS_STARTS_WITHIN_S = 600.0
_MONTH_S = 30 * 24 * 3600

#: Nothing in a message can execute code.
_MESSAGE_SETTINGS = {
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    "enable_utc": True,
}
#: Each task runs at least once: it is acknowledged when it is done, and requeued when its worker is lost.
_TASK_SETTINGS = {
    "task_default_queue": QUEUE,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_deduplicate_successful_tasks": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_prefetch_multiplier": 1,
    "worker_concurrency": 1,
    "worker_pool_start_method": "spawn",
    "worker_proc_alive_timeout": _PROCESS_STARTS_WITHIN_S,
    # Longer than any run takes: after a chord has expired, the run is never evaluated.
    "result_expires": _MONTH_S,
    "result_chord_expires": _MONTH_S,
}
#: Flower shows these events.
_EVENT_SETTINGS = {"task_track_started": True, "task_send_sent_event": True, "worker_send_task_events": True}


def queue_for(requirement: str | None) -> str:
    """Return the queue for the members of a run: the queue of all workers, or the queue of one requirement."""
    return QUEUE if requirement is None else f"{QUEUE}.{requirement}"


def served_queues(app: Celery) -> dict[str, frozenset[str]]:
    """Return the queues that each connected worker takes tasks from, by the worker's name.

    Raises:
        redis.RedisError, kombu.exceptions.OperationalError: The broker does not answer.
    """
    answers = app.control.inspect(timeout=_ANSWER_WITHIN_S).active_queues() or {}
    return {worker: frozenset(queue["name"] for queue in queues) for worker, queues in answers.items()}


class InstalledLoader(AppLoader):  # type: ignore[misc]  # Celery has no types
    """Imports installed modules only; Celery's own loader searches the current folder first."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> ModuleType:
        """Import an installed module; the current folder is not searched."""
        return (imp or importlib.import_module)(module, package=package)

    def find_module(self, module: str) -> ModuleType:
        """Import an installed module; the current folder is not searched."""
        return importlib.import_module(module)


def create_app(settings: Settings, *, takes_tasks: bool = False) -> Celery:
    """Return the Celery application for a broker.

    docs/celery.md says what each setting prevents.

    Args:
        settings: Where the broker is.
        takes_tasks: Whether this process is a worker. Only workers put the tasks of lost workers back into the queue,
            so other processes need no right to do so.

    Raises:
        InputError: No broker is configured.
    """
    broker = configured_url(settings)
    ignored = describe_foreign(remove_variables(CELERY_VARIABLES))
    if ignored:
        logger.warning("%s", ignored)
    app = Celery("deepchord", loader=InstalledLoader, fixups=())
    # Not one of Celery's settings: its remote control shows those.
    app.signing_key = settings.signing_key
    app.conf.update(
        _connection_settings(settings, broker, takes_tasks=takes_tasks)
        | _MESSAGE_SETTINGS
        | _TASK_SETTINGS
        | _EVENT_SETTINGS
    )
    return app


def _connection_settings(settings: Settings, broker: str, *, takes_tasks: bool) -> dict[str, Any]:
    """Return the settings of Celery that say where the broker is and how it is reached."""
    tls = tls_options(settings)
    return {
        "broker_url": celery_url(broker),
        "result_backend": SCHEME + celery_url(broker),
        "broker_transport": SOCKET_TRANSPORT if is_socket(broker) else TRANSPORT,
        "broker_use_ssl": tls,
        "redis_backend_use_ssl": tls,
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout_s,
            "global_keyprefix": KEY_PREFIX,
            # Both together: look for tasks of lost workers every ten seconds, not every hundred.
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "socket_connect_timeout": settings.connect_timeout_s,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "ack_emulation": takes_tasks,
        },
        "result_backend_transport_options": {
            "visibility_timeout": settings.visibility_timeout_s,
            "global_keyprefix": KEY_PREFIX,
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "result_backend_always_retry": True,
    }
