"""Runs a worker in this process, with the settings that the command line was given."""

import os
from typing import NoReturn

from deepchord.shared.queue import WORKER_OPTIONS
from deepchord.shared.settings import Settings, export_settings


def run_worker(settings: Settings, name: str, loglevel: str) -> NoReturn:
    """Run a worker until it is told to stop, and exit; see `deepchord.worker.application.run`.

    Args:
        settings: Broker, storage and engine; the worker's child processes read them from the environment.
        name: The worker's name in Celery; `%h` stands for the host.
        loglevel: debug, info, warning or error.
    """
    export_settings(settings)
    if settings.nice and hasattr(os, "nice"):  # not on Windows
        os.nice(settings.nice)
    from deepchord.worker.application import run

    run("worker", "--hostname", name, "--loglevel", loglevel, *WORKER_OPTIONS, until_empty=settings.until_empty)
