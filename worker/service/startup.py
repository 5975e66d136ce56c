"""One worker on this machine: Celery's own, with the options that deepchord's promises rest on."""

import logging
import sys
import uuid
from typing import Any

import redis
from celery.worker.control import Panel

from deepchord.shared.broker import MOST_SKEW_S, describe_skew, refuse_hopeless, skew_of
from deepchord.shared.errors import DeepchordError
from deepchord.shared.host import choose_engine
from deepchord.shared.queue import DRAIN, queue_of
from deepchord.shared.settings import WORKER_VARIABLE, export, worker_id
from deepchord.worker.devices import examine
from deepchord.worker.resources import Resources
from deepchord.worker.service.heartbeat import Heartbeat
from deepchord.worker.service.pool import check_semaphores

logger = logging.getLogger(__name__)

#: What of Celery's remote control workers understand: questions, and the switch for events. The rest could stop a
#: worker in the middle of its member, let it take from other queues or (`hello`) drop tasks, and whoever may ask may
#: also do that.
_UNDERSTOOD = frozenset(
    {
        *("active", "active_queues", "clock", "conf", "heartbeat", "ping", "query_task", "registered"),
        *("report", "reserved", "revoked", "scheduled", "stats", "enable_events", "disable_events", DRAIN),
    }
)

#: Engines whose memory grows from member to member get a process for each.
_PROCESS_PER_MEMBER = ("plaidml",)


def prepare(worker: Any, resources: Resources) -> Heartbeat:
    """Examine the device before the worker takes its first task, and let it serve the queues that are for such a one.

    Args:
        worker: Celery's worker, about to start.
        resources: Settings and broker of this process.

    Returns:
        What tells the others that the worker is there, from when it is started.

    Raises:
        SystemExit: The device or the broker is refused; stderr says why. Celery only logs what else is raised here.
    """
    settings = resources.settings
    for command in set(Panel.data) - _UNDERSTOOD:
        del Panel.data[command]
    try:
        refuse_hopeless(settings)
        check_semaphores()
        engine = choose_engine(settings.engine)
        served, device = [engine], None
        if settings.preflight:
            device = examine(settings).chosen
            assert device is not None, "an engine that is ready has chosen"  # noqa: S101
            served.append(device.kind)
            logger.info("Device %s of %s computes what it should.", device.id, engine)
    except DeepchordError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_code)) from error
    export(settings, **{WORKER_VARIABLE: uuid.uuid4().hex})
    for requirement in served:
        worker.app.amqp.queues.select_add(queue_of(requirement))
    if engine in _PROCESS_PER_MEMBER:
        worker.max_tasks_per_child = 1
    _warn_of_skew(resources.broker)
    return Heartbeat(
        resources.workers, worker=worker_id(), name=worker.hostname, host=settings.host, engine=engine, device=device
    )


def _warn_of_skew(broker: redis.Redis) -> None:
    """Warn of a clock that is off: leases are on the broker's, but certificates and the signatures of S3 are not."""
    try:
        skew_s = skew_of(broker)
    except redis.RedisError:
        return  # Celery tells of a broker that does not answer
    if abs(skew_s) > MOST_SKEW_S:
        logger.warning("%s.", describe_skew(skew_s).capitalize())
