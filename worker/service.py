"""One worker on this machine: Celery's own, with the options that deepchord's promises rest on."""

import logging
import sys
from typing import Any

from shared.celery_app import WORKER_OPTIONS, queue_of
from shared.errors import DeepchordError
from shared.settings import Settings, export
from worker.devices import examine
from worker.engines import choose_engine

logger = logging.getLogger(__name__)

#: Engines whose memory grows from member to member get a process for each.
_PROCESS_PER_MEMBER = ("plaidml",)


def run_worker(settings: Settings, name: str, loglevel: str) -> None:
    """Run a worker until it is told to stop.

    Args:
        settings: Broker, storage and engine; children of the worker read them from the environment.
        name: The worker's name as Celery has it; `%h` stands for the host.
        loglevel: What its log tells.
    """
    # A warm shutdown would wait for the end of the member under way: SIGTERM waits a minute, then hands it on.
    export(settings, REMAP_SIGTERM="SIGQUIT")
    from worker.app import app

    app.worker_main(["worker", "--hostname", name, "--loglevel", loglevel, *WORKER_OPTIONS])


def prepare(worker: Any, settings: Settings) -> None:
    """Examine the device before the worker takes its first task, and let it serve the queues that are for such a one.

    Args:
        worker: Celery's worker, about to start.
        settings: Engine and device.

    Raises:
        SystemExit: The device is refused; stderr says why. Celery only logs what else is raised here.
    """
    try:
        engine = choose_engine(settings.engine)
        served = [engine]
        if settings.preflight:
            report = examine(settings)
            assert report.chosen is not None, "an engine that is ready has chosen"  # noqa: S101
            served.append(report.chosen.kind)
            logger.info("Device %s of %s computes what it should.", report.chosen.id, engine)
    except DeepchordError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_code)) from error
    for requirement in served:
        worker.app.amqp.queues.select_add(queue_of(requirement))
    if engine in _PROCESS_PER_MEMBER:
        worker.max_tasks_per_child = 1
