"""The two tasks: thin shells that read the spec from storage, call the work, and commit what came of it."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import redis
from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import OperationalError

from shared.celery_app import EVALUATE_ENSEMBLE, TRAIN_MEMBER, queue_of
from shared.errors import StorageError
from shared.leases import evaluation_lease
from shared.messages import MemberSpec, RunFailure, RunSpec, TrainedMember
from worker.ensemble import evaluate, run_candidates
from worker.lease import Lease
from worker.resources import Resources
from worker.turns import Again, Done, GivenBack, Turn, note_of, sentence, take_turn

logger = logging.getLogger(__name__)

#: Wait so long before a task that failed is tried again.
_RETRY_AFTER_S = 2
#: How often the evaluation is tried before the run ends as failed.
_EVALUATION_ATTEMPTS = 3
#: How often it is begun at all, by whoever: more, and it must be what kills its process each time.
_EVALUATION_STARTS = 10
#: How often a task is tried by a worker that cannot read or write the run's storage.
_BLIND_ATTEMPTS = 3
#: How long to wait for the other workers to say which queues they serve.
_ANSWER_WITHIN_S = 1.0


def register_tasks(app: Celery, resources: Resources) -> None:
    """Register `train_member` and `evaluate_ensemble` with this application alone, for they hold its resources."""

    @app.task(name=TRAIN_MEMBER, bind=True, shared=False, max_retries=None)
    def train_member(task: Task, message: dict[str, Any]) -> dict[str, Any]:
        """Train one member, or return its record's summary if it has one."""
        spec = MemberSpec.parse(message, f"Message of task {task.request.id}")
        match _turn(task, resources, spec):
            case Done(status=status):
                logger.info(
                    "Member %d of run %s is %s.",
                    spec.index,
                    spec.run_id,
                    status,
                    extra={"run_id": spec.run_id, "member": spec.index},
                )
                return {"run_id": spec.run_id, "index": spec.index, "status": status}
            case Again(after_s=after_s, error=None):
                _come_again(task, after_s)
            case Again(after_s=after_s, error=error):
                raise task.retry(exc=error, countdown=after_s)
            case GivenBack(after_s=after_s):
                time.sleep(after_s)
                raise Reject(f"member {spec.index} is given back", requeue=True)

    @app.task(name=EVALUATE_ENSEMBLE, bind=True, shared=False, max_retries=None)
    def evaluate_ensemble(task: Task, run_id: str) -> dict[str, Any]:
        """Evaluate a run's ensemble, once; harmless when rung early, late or twice."""
        lease = Lease(
            resources.leases, evaluation_lease(run_id), resources.settings.lease_s, worker=resources.worker_id
        )
        held = lease.take()
        if held is not None:
            _come_again(task, held.remaining_s + 1)
        try:
            with lease:
                outcome = _evaluated(resources, run_id, task.request.hostname)
        except Exception as error:
            logger.exception("The evaluation of run %s failed.", run_id, extra={"run_id": run_id})
            if task.request.retries < _EVALUATION_ATTEMPTS - 1:
                raise task.retry(exc=error, countdown=_RETRY_AFTER_S) from error
            outcome = _evaluation_failed(resources, run_id, error)
        return {"run_id": run_id, "status": outcome}


def _turn(task: Task, resources: Resources, spec: MemberSpec) -> Turn:
    resources.in_turn = True
    try:
        return take_turn(
            resources, spec, task.request.hostname, _flower(task), lambda: _others_can(task, resources, spec)
        )
    except StorageError as error:
        # Without storage nothing can be committed: the task itself fails in the end, which whoever watches sees.
        logger.exception("Member %d of run %s is out of reach.", spec.index, spec.run_id)
        resources.board.note(spec.run_id, spec.index, sentence(error), failed_on=task.request.hostname)
        if task.request.retries + 1 >= _BLIND_ATTEMPTS:
            raise
        return Again(after_s=_RETRY_AFTER_S, error=error)
    finally:
        resources.in_turn = False


def _come_again(task: Task, after_s: float) -> NoReturn:
    """Send the message once more, to be looked at later; the chord counts the one that finds its member done."""
    task.signature_from_request(countdown=after_s, retries=task.request.retries).apply_async()
    raise Ignore


def _others_can(task: Task, resources: Resources, spec: MemberSpec) -> bool:
    """Say whether another worker is connected that takes members of this run."""
    wanted = queue_of(resources.store.run(spec.run_id).require)
    try:
        connected = task.app.control.inspect(timeout=_ANSWER_WITHIN_S).active_queues() or {}
    except (redis.RedisError, OperationalError):
        return False
    return any(
        queue["name"] == wanted
        for worker, queues in connected.items()
        if worker != task.request.hostname
        for queue in queues
    )


def _flower(task: Task) -> Callable[[str], None]:
    """Return what shows a line of text in Flower; it may be called from any thread, where the request is unknown."""
    task_id, hostname = task.request.id, task.request.hostname

    def tell(line: str) -> None:
        with task.app.events.default_dispatcher(hostname=hostname) as dispatcher:
            dispatcher.send("task-progress", uuid=task_id, result=line)

    return tell


def _evaluated(resources: Resources, run_id: str, worker: str) -> str:
    store = resources.store
    run = store.run(run_id)
    if store.evaluation(run) is not None:
        return "evaluated"
    if store.failure(run) is not None:
        return "failed"
    if store.is_cancelled(run_id):
        return "cancelled"
    records = store.records(run_id, run.members)
    if len(records) < run.members:
        return "early"
    if store.start_evaluation(run, note_of(worker)) > _EVALUATION_STARTS:
        died = f"its evaluation was begun {_EVALUATION_STARTS} times, its process died each time; see the workers' logs"
        return _run_failed(resources, run, died)
    trained = [record.member for record in records if isinstance(record.member, TrainedMember)]
    if len(trained) < run.min_members:
        return _run_failed(resources, run, f"{len(trained)} members were trained, min_members is {run.min_members}")
    dataset = resources.dataset(run.dataset)
    candidates = run_candidates(store, run, trained)
    ensemble = evaluate(resources.engine, resources.trainer, run.architecture, dataset, candidates, run.members)
    store.commit_evaluation(run, ensemble.evaluation, ensemble.probabilities)
    return "evaluated"


def _evaluation_failed(resources: Resources, run_id: str, error: Exception) -> str:
    run = resources.store.run(run_id)
    if resources.store.evaluation(run) is not None:  # somebody else was able to
        return "evaluated"
    return _run_failed(resources, run, f"its evaluation failed: {sentence(error)}")


def _run_failed(resources: Resources, run: RunSpec, reason: str) -> str:
    records = resources.store.records(run.run_id, run.members)
    trained = sum(record.member.status == "trained" for record in records)
    failure = RunFailure(requested=run.members, trained=trained, reason=reason, failed_at=datetime.now(UTC))
    resources.store.commit_failure(run, failure)
    return "failed"
