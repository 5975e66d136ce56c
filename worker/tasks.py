"""The two tasks: thin shells that call the work and decide what becomes of their message."""

import logging
import time
from collections.abc import Callable
from typing import Any, NoReturn

import redis
from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import OperationalError

from shared.celery_app import EVALUATE_ENSEMBLE, TRAIN_MEMBER, served_queues
from shared.errors import DeepchordError, OtherVersionError, SignatureError, StorageError
from shared.leases import evaluation_lease
from shared.messages import MemberSpec, RunSpec
from shared.signing import check_signature
from worker.conclusion import conclude, give_up, may_begin_again
from worker.lease import Lease
from worker.resources import Resources
from worker.service import leave_when_told
from worker.turns import Again, GivenBack, Turn, sentence, take_turn
from worker.watchdog import StallWatchdog

logger = logging.getLogger(__name__)

#: Wait so long before a task that failed is tried again.
_RETRY_AFTER_S = 2.0
#: How often an evaluation that raises errors is tried before the run ends as failed.
_EVALUATION_ATTEMPTS = 3
#: How often a message is looked at by workers that cannot read or write its run's storage.
_BLIND_ATTEMPTS = 3
#: How often if others are connected, who may be busy for long; they may all be as blind.
_MOST_PASSED_ON = 100
#: One that cannot, while others can, waits twice as long each time, at most so long: the messages are for them.
_LONGEST_BLIND_S = 30.0
#: A message for somebody else's member is sent back to the end of the queue after so long at most.
_LONGEST_PAUSE_S = 2.0


def register_tasks(app: Celery, resources: Resources) -> None:
    """Register `train_member` and `evaluate_ensemble` with this application alone, for they hold its resources.

    Only what is final is a result: Celery never runs a task again that once had one, nor hands its message on.
    """

    @app.task(name=TRAIN_MEMBER, bind=True, shared=False, max_retries=None)
    def train_member(task: Task, message: dict[str, Any], signature: str | None = None) -> dict[str, Any]:
        """Train one member, or return its record's summary if it has one."""
        spec = _spec(task, resources, message, signature)
        status = _trained(task, resources, spec)
        extra = {"run_id": spec.run_id, "member": spec.index}
        logger.info("Member %d of run %s is %s.", spec.index, spec.run_id, status, extra=extra)
        return {"run_id": spec.run_id, "index": spec.index, "status": status}

    @app.task(name=EVALUATE_ENSEMBLE, bind=True, shared=False, max_retries=None)
    def evaluate_ensemble(task: Task, run_id: str) -> dict[str, Any]:
        """Evaluate a run's ensemble, once; harmless when rung early, late or twice."""
        try:
            run = resources.store.run(run_id)
        except DeepchordError as error:  # another storage, or none at present, or a run of another version
            _pass_on(task, resources, error)
        resources.blind_turns = 0
        return {"run_id": run_id, "status": _evaluated(task, resources, run)}


def _spec(task: Task, resources: Resources, message: dict[str, Any], signature: str | None) -> MemberSpec:
    try:
        spec = MemberSpec.parse(message, f"Message of task {task.request.id}")
        check_signature(resources.settings.signing_key, message, signature)
        return spec
    except (OtherVersionError, SignatureError) as error:
        run_id, index = message.get("run_id"), message.get("index")
        if not isinstance(run_id, str) or not isinstance(index, int):
            raise
        _leave_to_others(task, resources, run_id, index, error)


def _trained(task: Task, resources: Resources, spec: MemberSpec) -> str:
    turn = _turn(task, resources, spec)
    if isinstance(turn, Again):
        _send_again(task, turn.after_s)
    if isinstance(turn, GivenBack):
        time.sleep(turn.after_s)
        raise Reject(f"member {spec.index} is given back", requeue=True)
    if turn.status is None:
        raise Ignore
    return turn.status


def _evaluated(task: Task, resources: Resources, run: RunSpec) -> str:
    extra = {"run_id": run.run_id}

    def tell(why: str) -> None:
        logger.critical("The evaluation of run %s: %s", run.run_id, why, extra=extra)

    with StallWatchdog(resources.settings.stall_timeout_s, tell) as watchdog:
        lease = Lease(
            resources.leases,
            evaluation_lease(run.run_id),
            resources.settings.lease_s,
            worker=resources.worker_id,
            may_renew=watchdog.is_advancing,
        )
        if lease.take() is not None:
            _send_again(task, _LONGEST_PAUSE_S)
        try:
            with lease:
                outcome = conclude(resources, run, task.request.hostname, watchdog.advance)
        except Exception as error:
            logger.exception("The evaluation of run %s failed.", run.run_id, extra=extra)
            may_pass = isinstance(error, StorageError) and not error.permanent
            if may_pass and may_begin_again(resources.store, run):
                _send_again(task, _RETRY_AFTER_S)
            if not may_pass and task.request.retries < _EVALUATION_ATTEMPTS - 1:
                _send_again(task, _RETRY_AFTER_S, retries=task.request.retries + 1)
            outcome = give_up(resources, run, error)
    if outcome is None:
        raise Ignore
    return outcome


def _turn(task: Task, resources: Resources, spec: MemberSpec) -> Turn:
    if not task.request.is_eager:
        leave_when_told(resources)
    resources.in_turn = True
    try:
        turn = take_turn(resources, spec, task.request.hostname, _flower(task), lambda: _others_can(task))
        resources.blind_turns = 0
        return turn
    except DeepchordError as error:
        _leave_to_others(task, resources, spec.run_id, spec.index, error)
    finally:
        resources.in_turn = False


def _leave_to_others(task: Task, resources: Resources, run_id: str, index: int, error: DeepchordError) -> NoReturn:
    """Send a message on of which nothing can be committed here; in the end its task fails, as the watchers see."""
    logger.error("Member %d of run %s is out of reach.", index, run_id, exc_info=error)
    resources.board.note(run_id, index, sentence(error), failed_on=task.request.hostname)
    _pass_on(task, resources, error)


def _pass_on(task: Task, resources: Resources, error: DeepchordError) -> NoReturn:
    """Send a message that is of no use here to whoever is next, but not for ever."""
    resources.blind_turns += 1
    others_can = _others_can(task)
    if task.request.retries + 1 >= (_MOST_PASSED_ON if others_can else _BLIND_ATTEMPTS):
        raise error
    if others_can:
        time.sleep(min(_LONGEST_BLIND_S, _RETRY_AFTER_S**resources.blind_turns))
    _send_again(task, _RETRY_AFTER_S, retries=task.request.retries + 1)


def _send_again(task: Task, after_s: float, retries: int | None = None) -> NoReturn:
    """Send the message once more, to the end of the queue; the chord counts the one that finds its work done.

    Without an ETA: that would be compared with another host's clock, and wait at one worker while others are free.
    """
    time.sleep(min(after_s, _LONGEST_PAUSE_S))
    again = task.request.retries if retries is None else retries
    try:
        task.signature_from_request(retries=again).apply_async()
    except (redis.RedisError, OperationalError) as error:
        raise Reject("the message could not be sent again", requeue=True) from error
    raise Ignore


def _others_can(task: Task) -> bool:
    """Say whether another worker is connected that takes from the queue that the message came from."""
    wanted = (task.request.delivery_info or {}).get("routing_key")
    try:
        connected = served_queues(task.app)
    except (redis.RedisError, OperationalError):
        return False
    return any(wanted in queues for worker, queues in connected.items() if worker != task.request.hostname)


def _flower(task: Task) -> Callable[[str], None]:
    """Return what shows a line of text in Flower; it may be called from any thread, where the request is unknown."""
    task_id, hostname = task.request.id, task.request.hostname

    def tell(line: str) -> None:
        with task.app.events.default_dispatcher(hostname=hostname) as dispatcher:
            dispatcher.send("task-progress", uuid=task_id, result=line)

    return tell
