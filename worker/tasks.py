"""The three Celery tasks: each handles its message and then does with it what the outcome says."""

import logging
from typing import Any

from celery import Celery, Task

from deepchord.shared.errors import MessageDecodeError, OtherVersionError, SignatureError
from deepchord.shared.messages import MemberSpec, is_run_id, is_study_name
from deepchord.shared.queue import EVALUATE_ENSEMBLE, EVALUATE_STUDY, TRAIN_MEMBER, check_signature
from deepchord.worker.execution import (
    handle_evaluation,
    handle_member,
    handle_study,
    other_workers,
    redeliver,
    report_out_of_reach,
    report_to_flower,
    settle,
)
from deepchord.worker.resources import Resources
from deepchord.worker.service import busy

logger = logging.getLogger(__name__)


def register_tasks(app: Celery, resources: Resources) -> None:
    """Register the tasks with this application only, because they hold its resources.

    A task has a result only if its work is final: Celery never runs a task again that has one.
    """

    @app.task(name=TRAIN_MEMBER, bind=True, shared=False, max_retries=None)
    def train_member(task: Task, message: dict[str, Any], signature: str | None = None) -> dict[str, Any]:
        """Train one member, or return its record's summary if it has one."""
        spec, worker = _spec(task, resources, message, signature), task.request.hostname
        with busy(resources, in_pool=not task.request.is_eager):
            outcome = handle_member(resources, spec, worker, report_to_flower(task), lambda: other_workers(task))
        status = settle(task, resources, outcome)
        extra = {"run_id": spec.run_id, "member": spec.index}
        logger.info("Member %d of run %s is %s.", spec.index, spec.run_id, status, extra=extra)
        return {"run_id": spec.run_id, "index": spec.index, "status": status}

    @app.task(name=EVALUATE_ENSEMBLE, bind=True, shared=False, max_retries=None)
    def evaluate_ensemble(task: Task, run_id: str) -> dict[str, Any]:
        """Evaluate a run's ensemble once; a message that comes early, late or twice does no harm."""
        if not is_run_id(run_id):
            raise MessageDecodeError(f"Message of task {task.request.id}: expected the id of a run.")
        with busy(resources, in_pool=not task.request.is_eager):
            outcome = handle_evaluation(resources, run_id, task.request.hostname, lambda: other_workers(task))
        status = settle(task, resources, outcome)
        resources.shares.forget(run_id)
        return {"run_id": run_id, "status": status}

    @app.task(name=EVALUATE_STUDY, bind=True, shared=False, max_retries=None)
    def evaluate_study(task: Task, run_id: str, name: str) -> dict[str, Any]:
        """Do a study of a run once; a message that comes twice does no harm."""
        if not (is_run_id(run_id) and is_study_name(name)):
            raise MessageDecodeError(f"Message of task {task.request.id}: expected the id of a run and a study's name.")
        with busy(resources, in_pool=not task.request.is_eager):
            outcome = handle_study(resources, run_id, name, task.request.hostname)
        return {"run_id": run_id, "name": name, "status": settle(task, resources, outcome)}


def _spec(task: Task, resources: Resources, message: dict[str, Any], signature: str | None) -> MemberSpec:
    """Return the member of a message; redeliver a message that another worker may be able to read."""
    try:
        spec = MemberSpec.parse(message, f"Message of task {task.request.id}")
        check_signature(resources.settings.signing_key, message, signature)
        return spec
    except (OtherVersionError, SignatureError) as error:
        run_id, index = message.get("run_id"), message.get("index")
        if not isinstance(run_id, str) or not isinstance(index, int):
            raise
        report_out_of_reach(resources, run_id, index, task.request.hostname, error)
        redeliver(task, error)
