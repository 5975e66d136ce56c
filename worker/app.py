"""Composition root for `celery -A worker.app worker`: settings from the environment, the tasks registered."""

from typing import Any

from celery.signals import worker_init

from shared.celery_app import create_app
from shared.settings import load_settings
from worker.resources import Resources
from worker.service import prepare
from worker.tasks import register_tasks

settings = load_settings()
app = create_app(settings)
# The processes of a spawned pool unpickle the application without its tasks; they import this module to get them.
app.conf.imports = ("worker.app",)
register_tasks(app, Resources(settings))


@worker_init.connect
def _prepare(sender: Any, **_: Any) -> None:
    prepare(sender, settings)
