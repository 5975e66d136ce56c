"""The two tasks: thin shells that call the work and decide what becomes of their message."""

import logging
import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import redis
from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import OperationalError

from shared.celery_app import EVALUATE_ENSEMBLE, TRAIN_MEMBER, served_queues
from shared.errors import DeepchordError, MessageDecodeError, OtherVersionError, SignatureError
from shared.leases import evaluation_lease
from shared.messages import MemberSpec, RunSpec, is_run_id
from shared.signing import check_signature
from worker.execution.evaluation_attempt import EvaluationFailed, conclude, give_up, may_begin_again, settled
from worker.execution.failure_policy import pause_s
from worker.execution.lease import AttemptEnded, Lease, MemberTaken, RunCancelled, WorkerLeaving
from worker.execution.member_task import take_turn
from worker.execution.outcomes import Again, Done, GivenBack, LeftToOthers, Thwarted, Turn
from worker.execution.progress import tell_flower
from worker.execution.setback import sentence
from worker.execution.watchdog import StallWatchdog
from worker.resources import Resources
from worker.service import leave_when_told

logger = logging.getLogger(__name__)

#: Wait so long before a task that failed is tried again.
_RETRY_AFTER_S = 2.0
#: How often a message is looked at by workers that cannot read or write its run's storage.
_BLIND_ATTEMPTS = 3
#: How often if others are connected, who may be busy for long; they may all be as blind.
_MOST_PASSED_ON = 100
#: One that cannot, while others can, waits twice as long each time that a message was passed on, at most so long: the
#: messages are for them.
_LONGEST_BLIND_S = 30.0
#: A message for somebody else's member is sent back to the end of the queue after so long at most.
_LONGEST_PAUSE_S = 2.0
#: In a longer pause it is looked so often whether the worker is to stop.
_STEP_S = 0.1


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
        if not is_run_id(run_id):
            raise MessageDecodeError(f"Message of task {task.request.id}: expected the id of a run.")
        try:
            run = resources.store.run(run_id)
        except DeepchordError as error:  # another storage, or none at present, or a run of another version
            _pass_on(task, error)
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
        raise _given_back(f"member {spec.index}")
    if isinstance(turn, LeftToOthers):
        _leave_and_pause(task, resources, turn.pause_s)
    if isinstance(turn, Thwarted):  # each time costs what was trained since the last epoch that was saved
        _leave_to_others(task, resources, spec.run_id, spec.index, turn.error, most=_BLIND_ATTEMPTS)
    if turn.status is None:
        raise Ignore
    return turn.status


def _evaluated(task: Task, resources: Resources, run: RunSpec) -> str:
    """Evaluate a run, unless it is too early; what becomes of the message otherwise is decided here.

    Raises:
        Ignore: It is too early, the run was cancelled, or the message was sent again.
        Reject: The message is for another worker.
    """
    try:
        done = settled(resources.store, run)
        if done is None:
            with _in_turn(task, resources):
                done = Done(status=_concluded(task, resources, run))
    except DeepchordError as error:  # no attempt could be begun, or nothing be said of its end
        resources.board.note_evaluation(run, sentence(error), failed_on=task.request.hostname)
        _pass_on(task, error)
    if done.status is None:
        raise Ignore
    return done.status


def _concluded(task: Task, resources: Resources, run: RunSpec) -> str | None:
    board, worker = resources.board, task.request.hostname

    def note(trouble: str) -> None:
        board.note_evaluation(run, trouble, failed_on=worker)

    if board.last_failed_on(run.run_id) == worker and _others(task):
        _leave_and_pause(task, resources, pause_s(0, random.random()))  # noqa: S311  no secret
    with StallWatchdog(resources.settings.stall_timeout_s, note) as watchdog:
        lease = Lease(
            resources.leases,
            evaluation_lease(run.run_id),
            resources.settings.lease_s,
            worker=resources.worker_id,
            is_over=lambda: RunCancelled if resources.store.is_cancelled(run.run_id) else None,
            may_renew=watchdog.is_advancing,
        )
        if lease.take() is not None:
            _send_again(task, _LONGEST_PAUSE_S)

        def advance() -> None:
            watchdog.advance()
            lease.check()
            if resources.leaving.is_set():
                raise WorkerLeaving

        try:
            with lease:
                if resources.leaving.is_set():
                    raise _given_back(f"the evaluation of {run.run_id}")
                return conclude(resources, run, worker, advance)
        except AttemptEnded as ended:
            _leave(task, run, ended)
            return None
        except EvaluationFailed as failed:
            logger.exception("The evaluation of run %s failed.", run.run_id, extra={"run_id": run.run_id})
            note(sentence(failed.error))
            if may_begin_again(resources.store, run):
                _send_again(task, _RETRY_AFTER_S)
            return give_up(resources, run, failed.error, watchdog.advance)


def _turn(task: Task, resources: Resources, spec: MemberSpec) -> Turn:
    try:
        with _in_turn(task, resources):
            return take_turn(resources, spec, task.request.hostname, tell_flower(task), lambda: _others(task))
    except DeepchordError as error:
        _leave_to_others(task, resources, spec.run_id, spec.index, error)


def _leave(task: Task, run: RunSpec, ended: AttemptEnded) -> None:
    """Do what is to be done with the message of an evaluation that is not to go on; nothing if the run is cancelled."""
    logger.info("The evaluation of run %s stops: %r.", run.run_id, ended, extra={"run_id": run.run_id})
    if isinstance(ended, WorkerLeaving):
        raise _given_back(f"the evaluation of {run.run_id}")
    if isinstance(ended, MemberTaken):
        _send_again(task, _LONGEST_PAUSE_S)


@contextmanager
def _in_turn(task: Task, resources: Resources) -> Iterator[None]:
    """Let this process stop at the next step when it is told to, for as long as it is at something."""
    if not task.request.is_eager:
        leave_when_told(resources)
    resources.in_turn = True
    try:
        yield
    finally:
        resources.in_turn = False


def _leave_to_others(
    task: Task, resources: Resources, run_id: str, index: int, error: DeepchordError, most: int = _MOST_PASSED_ON
) -> NoReturn:
    """Send a message on of which nothing can be committed here; in the end its task fails, as the watchers see."""
    logger.error("Member %d of run %s is out of reach.", index, run_id, exc_info=error)
    resources.board.note(run_id, index, sentence(error), failed_on=task.request.hostname)
    _pass_on(task, error, most)


def _pass_on(task: Task, error: DeepchordError, most: int = _MOST_PASSED_ON) -> NoReturn:
    """Send a message that is of no use here to whoever is next, but not for ever: at most so often if others can."""
    others_can = bool(_others(task))
    if task.request.retries + 1 >= (most if others_can else _BLIND_ATTEMPTS):
        raise error
    if others_can:
        time.sleep(min(_LONGEST_BLIND_S, _RETRY_AFTER_S * 2**task.request.retries))
    _send_again(task, _RETRY_AFTER_S, task.request.retries + 1)


def _given_back(what: str) -> Reject:
    return Reject(f"{what} is given back", requeue=True)


def _send_again(task: Task, after_s: float, retries: int | None = None) -> NoReturn:
    """Send the message once more, to the end of the queue; the chord counts the one that finds its work done.

    Without an ETA: that would be compared with another host's clock, and wait at one worker while others are free.
    """
    time.sleep(min(after_s, _LONGEST_PAUSE_S))
    _publish_again(task, retries)
    raise Ignore


def _leave_and_pause(task: Task, resources: Resources, pause_s: float) -> NoReturn:
    """Send the message once more, and take no other one for a while: the others may take this one meanwhile."""
    _publish_again(task)
    for _ in range(math.ceil(pause_s / _STEP_S)):
        if not resources.leaving.is_set():
            time.sleep(_STEP_S)
    raise Ignore


def _publish_again(task: Task, retries: int | None = None) -> None:
    try:
        task.signature_from_request(retries=task.request.retries if retries is None else retries).apply_async()
    except (redis.RedisError, OperationalError) as error:
        raise Reject("the message could not be sent again", requeue=True) from error


def _others(task: Task) -> frozenset[str]:
    """Return the names of the other workers that are connected and take from the queue that the message came from."""
    wanted = (task.request.delivery_info or {}).get("routing_key")
    try:
        connected = served_queues(task.app)
    except (redis.RedisError, OperationalError):
        return frozenset()
    return frozenset(name for name, queues in connected.items() if wanted in queues) - {task.request.hostname}
