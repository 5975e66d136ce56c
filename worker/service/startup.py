"""Prepares a Celery worker before its first task: checks broker and device, and selects its queues."""

import logging
import sys
import uuid
from typing import Any

import redis
from celery.worker.control import Panel

from deepchord.shared.broker import MAX_SKEW_S, clock_skew_s, describe_skew, refuse_unusable_broker
from deepchord.shared.errors import DeepchordError
from deepchord.shared.host import choose_engine
from deepchord.shared.queue import DRAIN, queue_for
from deepchord.shared.settings import WORKER_VARIABLE, export_settings, worker_id
from deepchord.worker.devices import examine
from deepchord.worker.resources import Resources
from deepchord.worker.service.heartbeat import Heartbeat
from deepchord.worker.service.pool import check_semaphores

logger = logging.getLogger(__name__)

#: The commands of Celery's remote control that workers accept: queries, the switch for events, and draining. All others
#: are removed, because anybody with access to the broker can send them: they could stop a worker in the middle of a
#: member, make it take from other queues, or drop tasks (`hello`).
_ACCEPTED_COMMANDS = frozenset(
    {
        *("active", "active_queues", "clock", "conf", "heartbeat", "ping", "query_task", "registered"),
        *("report", "reserved", "revoked", "scheduled", "stats", "enable_events", "disable_events", DRAIN),
    }
)

#: Engines whose memory grows with each member get a new process for each member.
_PROCESS_PER_MEMBER = ("plaidml",)


def prepare(worker: Any, resources: Resources) -> Heartbeat:
    """Examine broker and device before the first task, and select the queues for this engine and device.

    Args:
        worker: Celery's worker, about to start.
        resources: Settings and broker of this process.

    Returns:
        The worker's heartbeat, not started yet.

    Raises:
        SystemExit: The device or the broker is refused; stderr says why. Celery would only log any other error.
    """
    settings = resources.settings
    for command in set(Panel.data) - _ACCEPTED_COMMANDS:
        del Panel.data[command]
    try:
        refuse_unusable_broker(settings)
        check_semaphores()
        engine = choose_engine(settings.engine)
        served, device = [engine], None
        if settings.preflight:
            device = examine(settings).chosen
            assert device is not None, "an engine that is ready has chosen"  # noqa: S101  for the type checker
            served.append(device.kind)
            logger.info("Device %s of %s computes what it should.", device.id, engine)
    except DeepchordError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_code)) from error
    export_settings(settings, **{WORKER_VARIABLE: uuid.uuid4().hex})
    for requirement in served:
        worker.app.amqp.queues.select_add(queue_for(requirement))
    if engine in _PROCESS_PER_MEMBER:
        worker.max_tasks_per_child = 1
    _warn_of_skew(resources.broker)
    return Heartbeat(
        resources.workers, worker=worker_id(), name=worker.hostname, host=settings.host, engine=engine, device=device
    )


def _warn_of_skew(broker: redis.Redis) -> None:
    """Warn if the clock is wrong: leases use the broker's clock, but certificates and S3 signatures use this one."""
    try:
        skew_s = clock_skew_s(broker)
    except redis.RedisError:
        return  # Celery logs a broker that does not answer
    if abs(skew_s) > MAX_SKEW_S:
        logger.warning("%s.", describe_skew(skew_s).capitalize())
