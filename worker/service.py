"""One worker on this machine: Celery's own, with the options that deepchord's promises rest on."""

from shared.celery_app import WORKER_OPTIONS
from shared.settings import Settings, export


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
