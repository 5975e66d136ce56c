"""Composition root of a worker: settings from the environment, the Celery application, its tasks and signals."""

import logging
import sys
from typing import Any, NoReturn

from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from deepchord.shared.command_line import open_output
from deepchord.shared.errors import ExitCode
from deepchord.shared.host import choose_engine
from deepchord.shared.logs import format_as
from deepchord.shared.process import leave_out_foreign
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from deepchord.worker.engines import keep_freed_memory
from deepchord.worker.resources import Resources
from deepchord.worker.service import POOL, Heartbeat, given_up, let_members_go, prepare
from deepchord.worker.tasks import register_tasks

settings = load_settings()
app = create_app(settings, takes_tasks=True)
# The processes of a spawned pool unpickle the application without its tasks; they import this module to get them.
app.conf.imports = (__name__,)
app.conf.worker_pool = POOL
resources = Resources(settings)
register_tasks(app, resources)
_workers: list[Any] = []
_heartbeats: list[Heartbeat] = []
#: The signals that told this worker to stop; no event, whose lock a second signal would wait for.
_stops: list[str] = []


def run(*arguments: str) -> NoReturn:
    """Run a worker with Celery's arguments, and exit: with 0 only if it was told to stop, with 4 if its processes die.

    Celery's own `worker_main` forgets how it ended, and nobody would start one anew that cannot go on.
    """
    leave_out_foreign()
    open_output()
    app.worker_main(list(arguments))
    if given_up:
        # Celery makes lines of its log of what is written to the other one.
        (sys.__stderr__ or sys.stderr).write(f"error: {given_up[0]}\n")
        raise SystemExit(ExitCode.WORKERS_STOPPED)
    raise SystemExit(ExitCode.OK if _stops else ExitCode.DEFECT)


@after_setup_logger.connect
@after_setup_task_logger.connect
def _format_logs(logger: logging.Logger, **_: Any) -> None:
    format_as(settings, logger)


@worker_init.connect
def _prepare(sender: Any, **_: Any) -> None:
    _heartbeats.append(prepare(sender, resources))
    _workers.append(sender)


@worker_process_init.connect
def _keep_memory(**_: Any) -> None:
    # The engine does so, too, but is opened only after threads that renew a lease and tell of progress.
    keep_freed_memory(choose_engine(settings.engine))


@worker_ready.connect
def _announce(**_: Any) -> None:
    for announcement in _heartbeats:
        announcement.start()


@worker_shutdown.connect
def _withdraw(**_: Any) -> None:
    while _heartbeats:
        _heartbeats.pop().stop()


@worker_shutting_down.connect
def _let_members_go(sig: str, how: str, **_: Any) -> None:
    _stops.append(sig)
    for worker in _workers if how == "Warm" else ():
        let_members_go(worker, settings.grace_s)
