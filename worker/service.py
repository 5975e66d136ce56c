"""One worker on this machine: Celery's own, with the options that deepchord's promises rest on."""

import contextlib
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import redis
from celery.worker.control import Panel, control_command

from shared.broker_probe import refuse_hopeless
from shared.celery_app import DRAIN, WORKER_OPTIONS, queue_of
from shared.checkup import MOST_SKEW_S, describe_skew, skew_of
from shared.errors import DeepchordError
from shared.installed_engines import choose_engine
from shared.settings import WORKER_VARIABLE, Settings, export, worker_id
from worker.announcement import Announcement
from worker.devices import examine
from worker.pool import check_semaphores
from worker.resources import Resources

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


def run_worker(settings: Settings, name: str, loglevel: str) -> NoReturn:
    """Run a worker until it is told to stop, and exit; see `worker.app.run`.

    Args:
        settings: Broker, storage and engine; children of the worker read them from the environment.
        name: The worker's name as Celery has it; `%h` stands for the host.
        loglevel: What its log tells.
    """
    export(settings)
    from worker.app import run

    run("worker", "--hostname", name, "--loglevel", loglevel, *WORKER_OPTIONS)


def prepare(worker: Any, resources: Resources) -> Announcement:
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
    return Announcement(
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


def let_members_go(worker: Any, grace_s: float) -> None:
    """Tell the processes of a worker that is about to stop to hand their members over; kill those that do not.

    Args:
        worker: Celery's worker, in a warm shutdown: it waits for its processes, however long that takes.
        grace_s: How long they may take.
    """
    processes = list(worker.pool._pool._pool)

    def tell(number: int) -> None:
        for process in processes:
            with contextlib.suppress(OSError, ValueError):
                if process.is_alive():
                    os.kill(process.pid, number)

    tell(signal.SIGUSR2)
    timer = threading.Timer(grace_s, tell, (signal.SIGKILL,))
    timer.daemon = True
    timer.start()


def leave_when_told(resources: Resources) -> None:
    """Let this process of a worker's pool end its member at the next batch when it is told to stop.

    A service manager may send SIGTERM to all processes of a worker at once; the second one counts as it is meant. To be
    called with each member and evaluation, in the main thread: the pool sets a handler of its own after it has started
    the process.
    """
    if resources.terminated:  # it alone was told to stop, and gave its member back; the pool starts another process
        raise SystemExit(0)

    def leave(number: int, _: FrameType | None) -> None:
        if number == signal.SIGTERM and (resources.terminated or not resources.is_busy):
            raise SystemExit(0)
        resources.terminated = resources.terminated or number == signal.SIGTERM
        resources.leaving.set()

    for number in (signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, leave)


@contextlib.contextmanager
def busy(resources: Resources, *, in_pool: bool) -> Iterator[None]:
    """Let this process stop at the next step when it is told to, for as long as it is at a member or an evaluation.

    Args:
        resources: What this process holds.
        in_pool: Whether it is a process of a worker's pool, which signals tell to stop.
    """
    if in_pool:
        leave_when_told(resources)
    resources.is_busy = True
    try:
        yield
    finally:
        resources.is_busy = False


@control_command(name=DRAIN)  # type: ignore[untyped-decorator]  # Celery has no types
def drain(_: Any) -> dict[str, str]:
    """Stop this worker as SIGTERM does: it hands its member over."""
    os.kill(os.getpid(), signal.SIGTERM)
    return {"ok": "the worker hands its member over and stops"}
