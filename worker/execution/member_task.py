"""What a worker does when the bell rings for a member: train it, leave it to whoever has it, or give it back."""

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from shared.attempts import failures_in_a_row
from shared.errors import CorruptObjectError, ObjectNotFoundError, StorageError
from shared.leases import member_lease
from shared.messages import AttemptNote, MemberSpec, RunSpec
from worker.execution.lease import AttemptEnded, Lease, MemberTaken, RunCancelled, WorkerLeaving
from worker.execution.member_attempt import attempt_member, fail_member
from worker.execution.outcomes import Again, Done, GivenBack, LeftToOthers, Thwarted, Turn, done
from worker.execution.setback import FailedAttempt, after_failure, sentence
from worker.execution.suspect_worker import pause_if_left
from worker.execution.watchdog import StallWatchdog
from worker.resources import Resources
from worker.training import Observer, Observers

logger = logging.getLogger(__name__)

#: Look at a member that somebody else works at when its lease would have ended, and a little later.
_LATER_S = 1.0


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
    others: Callable[[], frozenset[str]] = frozenset,
) -> Turn:
    """Train a member if nobody else does and nothing speaks against it; say what is to become of its message.

    Args:
        resources: Engine, storage and broker of this process.
        spec: The member.
        worker: The name of this worker as Celery has it.
        on_epoch: Called after each epoch with one line of text, from a thread of its own.
        others: Returns the names of the other workers that could take the member; asked if something went wrong.

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
            is_over=lambda: _why_over(resources, run, spec),
            may_renew=watchdog.is_advancing,
        )
        held = lease.take()
        if held is not None:
            return Again(after_s=held.remaining_s + _LATER_S)
        with lease:
            turn = _settled(resources, run, spec, lease) or _refused(resources, run, spec, worker, others)
            if turn is not None:
                return turn
            ended = _attempt(resources, run, spec, worker, on_epoch, lease, watchdog)
            if isinstance(ended, FailedAttempt):
                return after_failure(resources, run, spec, lease, others, ended)
            return ended


def note_of(host: str, worker: str) -> bytes:
    """Return who takes an attempt, for people who look into storage and for the next one who takes one."""
    note = AttemptNote(host=host, worker=worker, process_id=os.getpid(), started_at=datetime.now(UTC))
    return note.encode()


def _settled(resources: Resources, run: RunSpec, spec: MemberSpec, lease: Lease) -> Turn | None:
    """Return what there is to do about a member that is not to be trained; None if it is."""
    store = resources.store
    record = store.record(spec.run_id, spec.index)
    if record is not None:
        return done(record)
    if store.is_cancelled(spec.run_id) or store.has_failed(run):
        return Done(status=None)
    attempts = store.attempts(spec.run_id, spec.index)
    if failures_in_a_row(attempts) >= run.max_attempts:
        if not lease.is_confirmed:  # somebody may be at the last of them
            return Again(after_s=_LATER_S)
        lost = f"its last {run.max_attempts} attempts ended without an error; the workers' logs may tell why"
        return done(fail_member(resources, spec, attempts[-1].number, lost))
    return None


def _refused(
    resources: Resources, run: RunSpec, spec: MemberSpec, worker: str, others: Callable[[], frozenset[str]]
) -> Turn | None:
    """Return what becomes of a member that this worker does not take; None if it does."""
    if resources.leaving.is_set():
        return GivenBack()
    pause_s = pause_if_left(resources, run, spec, worker, others)
    if pause_s is None:
        resources.board.forget_left(spec.run_id, spec.index, worker)
        return None
    extra = {"run_id": spec.run_id, "member": spec.index}
    logger.info("Member %d of run %s is left to other workers.", spec.index, spec.run_id, extra=extra)
    return LeftToOthers(pause_s=pause_s)


def _attempt(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    worker: str,
    on_epoch: Callable[[str], None],
    lease: Lease,
    watchdog: StallWatchdog,
) -> Turn | FailedAttempt:
    extra = {"run_id": spec.run_id, "member": spec.index}
    earlier = resources.store.attempts(spec.run_id, spec.index)
    # Before the engine is opened, so that an attempt counts even if that kills the process.
    attempt = resources.store.start_attempt(spec.run_id, spec.index, note_of(resources.settings.host, worker))
    try:
        observer = Observers(watchdog, lease, _Leaving(resources.leaving))
        return done(attempt_member(resources, run, spec, attempt, earlier, observer, on_epoch))
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
        return FailedAttempt(attempt=attempt, worker=worker, error=error)


def _let_go(resources: Resources, spec: MemberSpec, attempt: int) -> None:
    """Note that an attempt ended on purpose, and leave nothing behind that nobody needs."""
    extra = {"run_id": spec.run_id, "member": spec.index}
    try:
        resources.store.hand_over(spec.run_id, spec.index, attempt)
        if resources.store.has_record(spec.run_id, spec.index):
            resources.store.forget_epochs(spec.run_id, spec.index)
    except StorageError as error:  # then it counts as a failed attempt
        logger.warning("It could not be noted that member %d was let go: %s", spec.index, error, extra=extra)


def _why_over(resources: Resources, run: RunSpec, spec: MemberSpec) -> type[AttemptEnded] | None:
    store = resources.store
    if store.has_record(spec.run_id, spec.index):
        return MemberTaken
    return RunCancelled if store.is_cancelled(spec.run_id) or store.has_failed(run) else None
