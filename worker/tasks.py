"""The two tasks: thin shells that read the spec from storage, call the work, and commit what came of it."""

import logging
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task

from shared.celery_app import EVALUATE_ENSEMBLE, TRAIN_MEMBER
from shared.errors import StorageError
from shared.messages import AttemptNote, MemberRecord, MemberSpec, RunFailure, RunSpec, TrainedMember
from worker.ensemble import evaluate, run_candidates
from worker.member import attempt_member, fail_member
from worker.resources import Resources

logger = logging.getLogger(__name__)

#: Wait so long before another attempt, so that a worker with a passing trouble does not use them all up at once.
_RETRY_AFTER_S = 2
#: How often the evaluation is tried before the run ends as failed.
_EVALUATION_ATTEMPTS = 3
#: How often it is begun at all, by whoever: more, and it must be what kills its process each time.
_EVALUATION_STARTS = 10
#: How often a task is tried whose run this worker does not find in its storage.
_BLIND_ATTEMPTS = 3


def register_tasks(app: Celery, resources: Resources) -> None:
    """Register `train_member` and `evaluate_ensemble` with this application alone, for they hold its resources."""

    @app.task(name=TRAIN_MEMBER, bind=True, shared=False, max_retries=None)
    def train_member(task: Task, message: dict[str, Any]) -> dict[str, Any]:
        """Train one member, or return its record's summary if it has one."""
        spec = MemberSpec.parse(message, f"Message of task {task.request.id}")
        extra = {"run_id": spec.run_id, "member": spec.index}
        try:
            record = _trained_or_failed(task, resources, spec)
        except Exception as error:  # whatever an attempt fails of is bounded and becomes data
            logger.exception("An attempt at member %d of run %s failed.", spec.index, spec.run_id, extra=extra)
            record = _after_failure(task, resources, spec, error)
        logger.info("Member %d of run %s is %s.", spec.index, spec.run_id, record.member.status, extra=extra)
        return {"run_id": spec.run_id, "index": spec.index, "status": record.member.status}

    @app.task(name=EVALUATE_ENSEMBLE, bind=True, shared=False, max_retries=_EVALUATION_ATTEMPTS - 1)
    def evaluate_ensemble(task: Task, run_id: str) -> dict[str, Any]:
        """Evaluate a run's ensemble, once; harmless when rung early, late or twice."""
        try:
            outcome = _evaluated(resources, run_id)
        except Exception as error:
            logger.exception("The evaluation of run %s failed.", run_id, extra={"run_id": run_id})
            if task.request.retries < _EVALUATION_ATTEMPTS - 1:
                raise task.retry(exc=error, countdown=_RETRY_AFTER_S) from error
            outcome = _evaluation_failed(resources, run_id, error)
        return {"run_id": run_id, "status": outcome}


def _trained_or_failed(task: Task, resources: Resources, spec: MemberSpec) -> MemberRecord:
    run = resources.store.run(spec.run_id)
    record = resources.store.record(spec.run_id, spec.index)
    if record is not None:
        return record
    # Before the engine is opened, so that an attempt counts even if that kills the process.
    attempt = resources.store.start_attempt(spec.run_id, spec.index, _note())
    if attempt > run.max_attempts:
        lost = f"its process died in each of {run.max_attempts} attempts; the workers' logs tell more"
        return fail_member(resources, spec, run.max_attempts, lost)

    return attempt_member(resources, run, spec, attempt, _flower(task))


def _flower(task: Task) -> Callable[[str], None]:
    """Return what shows a line of text in Flower; it may be called from any thread, where the request is unknown."""
    task_id, hostname = task.request.id, task.request.hostname

    def tell(line: str) -> None:
        with task.app.events.default_dispatcher(hostname=hostname) as dispatcher:
            dispatcher.send("task-progress", uuid=task_id, result=line)

    return tell


def _after_failure(task: Task, resources: Resources, spec: MemberSpec, error: Exception) -> MemberRecord:
    """Hand the member to whoever is next, or commit its failure after the last attempt."""
    resources.board.note(spec.run_id, spec.index, _sentence(error))
    tried = task.request.retries + 1
    try:
        allowed = resources.store.run(spec.run_id).max_attempts
        tried = max(tried, resources.store.attempts(spec.run_id, spec.index))
    except StorageError as trouble:
        # Without storage nothing can be committed: the task itself fails in the end, which whoever watches sees.
        if tried >= _BLIND_ATTEMPTS:
            raise error from trouble
        allowed = _BLIND_ATTEMPTS
    if tried >= allowed:
        return fail_member(resources, spec, tried, _sentence(error))
    raise task.retry(exc=error, countdown=_RETRY_AFTER_S) from error


def _evaluated(resources: Resources, run_id: str) -> str:
    store = resources.store
    run = store.run(run_id)
    if store.evaluation(run_id) is not None:
        return "evaluated"
    if store.failure(run_id) is not None:
        return "failed"
    records = store.records(run_id, run.members)
    if len(records) < run.members:
        return "early"
    if store.start_evaluation(run_id, _note()) > _EVALUATION_STARTS:
        died = f"its evaluation was begun {_EVALUATION_STARTS} times, its process died each time; see the workers' logs"
        return _run_failed(resources, run, died)
    trained = [record.member for record in records if isinstance(record.member, TrainedMember)]
    if len(trained) < run.min_members:
        return _run_failed(resources, run, f"{len(trained)} members were trained, min_members is {run.min_members}")
    dataset = resources.dataset(run.dataset)
    candidates = run_candidates(store, run, trained)
    ensemble = evaluate(resources.engine, resources.trainer, run.architecture, dataset, candidates, run.members)
    store.commit_evaluation(run_id, ensemble.evaluation, ensemble.probabilities)
    return "evaluated"


def _evaluation_failed(resources: Resources, run_id: str, error: Exception) -> str:
    run = resources.store.run(run_id)
    if resources.store.evaluation(run_id) is not None:  # somebody else was able to
        return "evaluated"
    return _run_failed(resources, run, f"its evaluation failed: {_sentence(error)}")


def _run_failed(resources: Resources, run: RunSpec, reason: str) -> str:
    records = resources.store.records(run.run_id, run.members)
    trained = sum(record.member.status == "trained" for record in records)
    failure = RunFailure(requested=run.members, trained=trained, reason=reason, failed_at=datetime.now(UTC))
    resources.store.commit_failure(run.run_id, failure)
    return "failed"


def _note() -> bytes:
    """Return who takes an attempt, for people who look into storage."""
    return AttemptNote(host=platform.node(), process_id=os.getpid(), started_at=datetime.now(UTC)).encode()


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
