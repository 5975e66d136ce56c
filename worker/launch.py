"""Starts this process's worker with the settings that it was given."""

from typing import NoReturn

from deepchord.shared.queue import WORKER_OPTIONS
from deepchord.shared.settings import Settings, export_settings


def run_worker(settings: Settings, name: str, loglevel: str) -> NoReturn:
    """Run a worker until it is told to stop, and exit; see `deepchord.worker.application.run`.

    Args:
        settings: Broker, storage and engine; children of the worker read them from the environment.
        name: The worker's name as Celery has it; `%h` stands for the host.
        loglevel: What its log tells.
    """
    export_settings(settings)
    from deepchord.worker.application import run

    run("worker", "--hostname", name, "--loglevel", loglevel, *WORKER_OPTIONS)
