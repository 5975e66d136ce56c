"""What a worker does when the bell rings for a member: train it, leave it to whoever has it, or give it back."""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.attempts import failures_in_a_row
from shared.errors import CorruptObjectError, ObjectNotFoundError, StorageError
from shared.leases import member_lease
from shared.messages import AttemptNote, MemberRecord, MemberSpec, RunSpec
from worker.broken_worker import is_better_left
from worker.lease import AttemptEnded, Lease, MemberTaken, RunCancelled, WorkerLeaving
from worker.member import attempt_member, fail_member
from worker.resources import Resources
from worker.training import Observer, Observers
from worker.watchdog import StallWatchdog

logger = logging.getLogger(__name__)

#: Wait so long before another attempt, so that a worker with a passing trouble does not use them all up at once.
_RETRY_AFTER_S = 2.0
#: So long a failed member counts as being worked at: its next message is on its way.
_REST_S = 15.0
#: Look at a member that somebody else works at when its lease would have ended, and a little later.
_LATER_S = 1.0
#: Between giving a member back and taking the next one.
BREATH_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Done:
    """There is nothing left to do for this message."""

    #: How the member, or the run whose evaluation was rung, has ended; None if it was cancelled, or it is too early.
    status: str | None


@dataclass(frozen=True, kw_only=True)
class Again:
    """The message is to come again, from whichever worker is free then."""

    after_s: float


@dataclass(frozen=True, kw_only=True)
class GivenBack:
    """The message goes back to the queue, for another worker."""

    after_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Thwarted:
    """Storage did not give or take what an attempt needed that was begun; the message may come again a few times."""

    error: StorageError


Turn = Done | Again | GivenBack | Thwarted


class _Leaving(Observer):
    """Ends the attempt when the worker was told to stop."""

    def __init__(self, leaving: threading.Event) -> None:
        self._leaving = leaving

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        del epochs_done, epoch_share
        self.predicted()

    def predicted(self) -> None:
        if self._leaving.is_set():
            raise WorkerLeaving


def take_turn(
    resources: Resources,
    spec: MemberSpec,
    worker: str,
    on_epoch: Callable[[str], None],
    others_can: Callable[[], bool] = lambda: False,
) -> Turn:
    """Train a member if nobody else does and nothing speaks against it; say what is to become of its message.

    Args:
        resources: Engine, storage and broker of this process.
        spec: The member.
        worker: The name of this worker as Celery has it.
        on_epoch: Called after each epoch with one line of text, from a thread of its own.
        others_can: Says whether another worker could take the member; asked if it is better left to one.

    Raises:
        StorageError: The run is not in this worker's storage, or an attempt could not be begun or its end not be told.
    """
    run = resources.store.run(spec.run_id)

    def note(trouble: str) -> None:
        resources.board.note(spec.run_id, spec.index, trouble, failed_on=worker)

    with StallWatchdog(resources.settings.stall_timeout_s, note) as watchdog:
        lease = Lease(
            resources.leases,
            member_lease(spec.run_id, spec.index),
            resources.settings.lease_s,
            worker=resources.worker_id,
            is_over=lambda: _why_over(resources, spec),
            may_renew=watchdog.is_advancing,
        )
        held = lease.take()
        if held is not None:
            return Again(after_s=held.remaining_s + _LATER_S)
        with lease:
            turn: Turn | None = _settled(resources, run, spec, lease)
            if turn is None and (
                resources.leaving.is_set() or is_better_left(resources, run, spec, worker, others_can)
            ):
                turn = GivenBack(after_s=BREATH_S)
            return turn or _attempt(resources, run, spec, worker, on_epoch, lease, watchdog)


def note_of(host: str, worker: str) -> bytes:
    """Return who takes an attempt, for people who look into storage and for the next one who takes one."""
    note = AttemptNote(host=host, worker=worker, process_id=os.getpid(), started_at=datetime.now(UTC))
    return note.encode()


def sentence(error: Exception) -> str:
    """Return an error as it is told to people."""
    return f"{type(error).__name__}: {error}"


def _settled(resources: Resources, run: RunSpec, spec: MemberSpec, lease: Lease) -> Turn | None:
    """Return what there is to do about a member that is not to be trained; None if it is."""
    store = resources.store
    record = store.record(spec.run_id, spec.index)
    if record is not None:
        return _done(record)
    if store.is_cancelled(spec.run_id):
        return Done(status=None)
    attempts = store.attempts(spec.run_id, spec.index)
    if failures_in_a_row(attempts) >= run.max_attempts:
        if not lease.is_confirmed:  # somebody may be at the last of them
            return Again(after_s=_LATER_S)
        lost = f"its last {run.max_attempts} attempts ended without an error; the workers' logs may tell why"
        return _done(fail_member(resources, spec, attempts[-1].number, lost))
    return None


def _attempt(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    worker: str,
    on_epoch: Callable[[str], None],
    lease: Lease,
    watchdog: StallWatchdog,
) -> Turn:
    extra = {"run_id": spec.run_id, "member": spec.index}
    earlier = resources.store.attempts(spec.run_id, spec.index)
    # Before the engine is opened, so that an attempt counts even if that kills the process.
    attempt = resources.store.start_attempt(spec.run_id, spec.index, note_of(resources.settings.host, worker))
    try:
        observer = Observers(watchdog, lease, _Leaving(resources.leaving))
        return _done(attempt_member(resources, run, spec, attempt, earlier, observer, on_epoch))
    except RunCancelled:
        logger.info("Member %d stops: its run %s was cancelled.", spec.index, spec.run_id, extra=extra)
        _let_go(resources, spec, attempt)
        return Done(status=None)
    except MemberTaken:
        logger.warning("Member %d of run %s is somebody else's now.", spec.index, spec.run_id, extra=extra)
        _let_go(resources, spec, attempt)
        return Again(after_s=_LATER_S)
    except WorkerLeaving:
        logger.info("Member %d of run %s is handed over.", spec.index, spec.run_id, extra=extra)
        _let_go(resources, spec, attempt)
        return GivenBack()
    except Exception as error:  # whatever an attempt fails of is bounded and becomes data
        if isinstance(error, StorageError) and not isinstance(error, (CorruptObjectError, ObjectNotFoundError)):
            _let_go(resources, spec, attempt)
            return Thwarted(error=error)
        logger.exception("An attempt at member %d of run %s failed.", spec.index, spec.run_id, extra=extra)
        resources.board.note(spec.run_id, spec.index, sentence(error), failed_on=worker)
        return _after_failure(resources, run, spec, lease, error)


def _after_failure(resources: Resources, run: RunSpec, spec: MemberSpec, lease: Lease, error: Exception) -> Turn:
    """Hand the member to whoever is next, or commit its failure after the last attempt."""
    attempts = resources.store.attempts(spec.run_id, spec.index)
    if failures_in_a_row(attempts) >= run.max_attempts:
        return _done(fail_member(resources, spec, attempts[-1].number, sentence(error)))
    lease.rest(_REST_S)
    return Again(after_s=_RETRY_AFTER_S)


def _let_go(resources: Resources, spec: MemberSpec, attempt: int) -> None:
    """Note that an attempt ended on purpose, and leave nothing behind that nobody needs."""
    extra = {"run_id": spec.run_id, "member": spec.index}
    try:
        resources.store.hand_over(spec.run_id, spec.index, attempt)
        if resources.store.has_record(spec.run_id, spec.index):
            resources.store.forget_epochs(spec.run_id, spec.index)
    except StorageError as error:  # then it counts as a failed attempt
        logger.warning("It could not be noted that member %d was let go: %s", spec.index, error, extra=extra)


def _why_over(resources: Resources, spec: MemberSpec) -> type[AttemptEnded] | None:
    if resources.store.has_record(spec.run_id, spec.index):
        return MemberTaken
    return RunCancelled if resources.store.is_cancelled(spec.run_id) else None


def _done(record: MemberRecord) -> Done:
    return Done(status=record.member.status)
