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
from deepchord.shared.logs import apply_log_format
from deepchord.shared.process import remove_foreign_variables
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from deepchord.worker.engines import keep_freed_memory
from deepchord.worker.resources import Resources
from deepchord.worker.service import POOL, Ending, Heartbeat, given_up, hand_members_over, prepare
from deepchord.worker.tasks import register_tasks

settings = load_settings()
app = create_app(settings, takes_tasks=True)
# A spawned pool process unpickles the application without its tasks; it imports this module to get them.
app.conf.imports = (__name__,)
app.conf.worker_pool = POOL
resources = Resources(settings)
register_tasks(app, resources)
_workers: list[Any] = []
_heartbeats: list[Heartbeat] = []
_endings: list[Ending] = []
#: The signals that told this worker to stop. Not a threading.Event: a second signal would wait for its lock.
_stops: list[str] = []


def run(*arguments: str, until_empty: bool = False) -> NoReturn:
    """Run a worker with Celery's arguments, then exit: with 0 if it was told to stop, else with an error's code.

    The code is 4 if its processes keep dying before they can work, and 1 if it ended by itself.
    Celery's own `worker_main` does not return how the worker ended; service managers need the exit code.

    Args:
        arguments: Celery's arguments.
        until_empty: Whether the worker is told to stop when nothing waits for it.
    """
    if until_empty or resources.allowance is not None:
        _endings.append(Ending(resources, until_empty=until_empty))
    remove_foreign_variables()
    open_output()
    app.worker_main(list(arguments))
    if given_up:
        # Celery turns what is written to sys.stderr into lines of its log.
        (sys.__stderr__ or sys.stderr).write(f"error: {given_up[0]}\n")
        raise SystemExit(ExitCode.WORKERS_STOPPED)
    raise SystemExit(ExitCode.OK if _stops else ExitCode.DEFECT)


@after_setup_logger.connect
@after_setup_task_logger.connect
def _format_logs(logger: logging.Logger, **_: Any) -> None:
    apply_log_format(settings, logger)


@worker_init.connect
def _prepare(sender: Any, **_: Any) -> None:
    _heartbeats.append(prepare(sender, resources))
    _workers.append(sender)


@worker_process_init.connect
def _keep_memory(**_: Any) -> None:
    # The engine does this, too, but it is opened after the threads for lease and progress have started.
    keep_freed_memory(choose_engine(settings.engine))


@worker_ready.connect
def _start_heartbeat(**_: Any) -> None:
    for heartbeat in _heartbeats:
        heartbeat.start()
    for ending in _endings:
        ending.start(_workers[0].app.amqp.queues.consume_from)


@worker_shutdown.connect
def _stop_heartbeat(**_: Any) -> None:
    while _heartbeats:
        _heartbeats.pop().stop()


@worker_shutting_down.connect
def _hand_members_over(sig: str, how: str, **_: Any) -> None:
    _stops.append(sig)
    for worker in _workers if how == "Warm" else ():
        hand_members_over(worker, settings.grace_s)
