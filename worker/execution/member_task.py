"""Handles the message of a member: trains it unless it has ended, or another worker has it or should take it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deepchord.shared.broker import Limit, member_lease
from deepchord.shared.errors import CorruptObjectError, DeepchordError, ObjectNotFoundError, StorageError
from deepchord.shared.messages import AttemptFailure, MemberRecord, MemberSpec, RunFailure, RunSpec, TrainedMember
from deepchord.shared.storage import Attempt, MemberStore, failures_in_a_row
from deepchord.worker.execution.failure_policy import (
    describe,
    is_of_recipe_or_data,
    should_fail_member,
    should_fail_run,
    way_of,
)
from deepchord.worker.execution.guarding import Guard, guarded
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member, fail_member
from deepchord.worker.execution.outcomes import (
    RESEND_DELAY_S,
    RETRY_DELAY_S,
    AttemptEnded,
    Completed,
    DeferToOthers,
    MemberTaken,
    Outcome,
    Refused,
    Requeue,
    Resend,
    RunCancelled,
    StorageUnavailable,
    WorkerLeaving,
    outcome_of,
)
from deepchord.worker.execution.suspect_worker import pause_if_deferred
from deepchord.worker.execution.within_allowance import within_allowance
from deepchord.worker.resources import Resources

logger = logging.getLogger(__name__)

#: How long a member's lease still lasts after a failed attempt, in seconds: the member's next message is on its way.
_REST_S = 15.0

#: What the end of a run says before its last error.
_RECIPE_OR_DATA = (
    "the recipe or the data is at fault, for it failed in the same way on two workers before any epoch was done"
)
_EVERY_WORKER = "every worker fails in the same way before the first epoch"

_STOPPED: dict[type[AttemptEnded], tuple[int, str]] = {
    RunCancelled: (logging.INFO, "Member %d stops: its run %s was cancelled."),
    MemberTaken: (logging.WARNING, "Member %d of run %s is somebody else's now."),
    WorkerLeaving: (logging.INFO, "Member %d of run %s is handed over."),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """A member, and who works on it."""

    run: RunSpec
    spec: MemberSpec
    #: The name of this worker in Celery.
    worker: str
    on_epoch: Callable[[str], None]
    others: Callable[[], frozenset[str]]

    @property
    def extra(self) -> dict[str, Any]:
        """The extra fields of a log record."""
        return {"run_id": self.spec.run_id, "member": self.spec.index}


def handle_member(
    resources: Resources,
    spec: MemberSpec,
    worker: str,
    on_epoch: Callable[[str], None],
    others: Callable[[], frozenset[str]] = frozenset,
) -> Outcome:
    """Train a member unless it has ended or another worker has it; return what happens to its message.

    Args:
        resources: Engine, storage and broker of this process.
        spec: The member.
        worker: The name of this worker in Celery.
        on_epoch: Called after each epoch with one line of text, from a thread of its own.
        others: Returns the names of the other workers that could take the member; called only after a failure.
    """

    def report(trouble: str) -> None:
        resources.board.report_trouble(spec.run_id, spec.index, trouble, failed_on=worker)

    try:
        run = resources.store.run(spec.run_id)
        task = _Task(run=run, spec=spec, worker=worker, on_epoch=on_epoch, others=others)
        name = member_lease(spec.run_id, spec.index)
        with guarded(resources, name, lambda: _why_over(resources, task), report, _limit(resources, run)) as guard:
            return guard.conflict or _handle(resources, task, guard)
    except DeepchordError as error:  # no attempt could be started, or its end could not be stored
        report_out_of_reach(resources, spec.run_id, spec.index, worker, error)
        return Refused(error=error)


def report_out_of_reach(resources: Resources, run_id: str, index: int, worker: str, error: DeepchordError) -> None:
    """Log and publish that a worker cannot read or store a member."""
    logger.error("Member %d of run %s is out of reach.", index, run_id, exc_info=error)
    resources.board.report_trouble(run_id, index, describe(error), failed_on=worker)


def _limit(resources: Resources, run: RunSpec) -> Limit | None:
    """Return how many members of a run may be trained at once; None: any number."""
    most = resources.store.share(run).most_workers
    return None if most is None else Limit(run_id=run.run_id, members=most)


def _handle(resources: Resources, task: _Task, guard: Guard) -> Outcome:
    finished = _already_finished(resources, task)
    if finished is not None:
        return finished
    attempts = _stored(resources, task).attempts()
    return (
        _exhausted(resources, task, guard, attempts)
        or _deferred(resources, task, attempts)
        or within_allowance(resources, lambda: _attempt(resources, task, guard, attempts))
    )


def _already_finished(resources: Resources, task: _Task) -> Completed | None:
    """Return how the message is completed if the member has ended or its run is over; None if it needs training."""
    record = _stored(resources, task).record()
    if record is not None:
        return _completed(record)
    return Completed(status=None) if _is_run_over(resources, task) else None


def _exhausted(resources: Resources, task: _Task, guard: Guard, attempts: tuple[Attempt, ...]) -> Outcome | None:
    """Fail a member whose attempts are used up; None if it may have another one."""
    limit = task.run.max_attempts
    if failures_in_a_row(attempts) < limit:
        return None
    if not guard.lease.is_confirmed:  # another worker may be at the last attempt
        return Resend(after_s=RESEND_DELAY_S)
    lost = f"its last {limit} attempts ended without an error; the workers' logs may tell why"
    return _completed(fail_member(resources, task.spec, attempts[-1].number, lost))


def _deferred(resources: Resources, task: _Task, attempts: tuple[Attempt, ...]) -> Outcome | None:
    """Return what happens to a member that this worker does not take; None if it takes it."""
    if resources.leaving.is_set():
        return Requeue()
    spec = task.spec
    pause_s = pause_if_deferred(resources, task.run, spec, attempts, task.worker, task.others)
    if pause_s is None:
        resources.board.forget_deferrals(spec.run_id, spec.index, task.worker)
        return None
    logger.info("Member %d of run %s is left to other workers.", spec.index, spec.run_id, extra=task.extra)
    return DeferToOthers(pause_s=pause_s)


def _attempt(resources: Resources, task: _Task, guard: Guard, earlier: tuple[Attempt, ...]) -> Outcome:
    run, spec = task.run, task.spec
    # Before the engine is opened: the attempt must count even if opening it kills the process.
    number = _stored(resources, task).start_attempt(resources.attempt_note(task.worker))
    attempt = BegunAttempt(number=number, earlier=earlier)
    try:
        record = attempt_member(resources, run, spec, attempt, guard, task.on_epoch)
        if isinstance(record.member, TrainedMember):
            resources.shares.note_seconds(spec.run_id, record.member.duration_s)
        return _completed(record)
    except AttemptEnded as ended:
        level, text = _STOPPED[type(ended)]
        logger.log(level, text, spec.index, spec.run_id, extra=task.extra)
        _hand_over(resources, task, number)
        return outcome_of(ended)
    except Exception as error:  # any error: it is stored, and the number of attempts is limited
        if isinstance(error, StorageError) and not isinstance(error, (CorruptObjectError, ObjectNotFoundError)):
            _hand_over(resources, task, number)
            report_out_of_reach(resources, spec.run_id, spec.index, task.worker, error)
            return StorageUnavailable(error=error)
        logger.exception("An attempt at member %d of run %s failed.", spec.index, spec.run_id, extra=task.extra)
        resources.board.report_trouble(spec.run_id, spec.index, describe(error), failed_on=task.worker)
        return _after_failure(resources, task, guard, number, error)


def _after_failure(resources: Resources, task: _Task, guard: Guard, number: int, error: Exception) -> Outcome:
    """Resend the member for another attempt; if more attempts cannot help, fail the member or its run."""
    run, spec, stored = task.run, task.spec, _stored(resources, task)
    failure = AttemptFailure(worker=task.worker, way=way_of(error), error=describe(error), failed_at=datetime.now(UTC))
    stored.fail_attempt(number, failure)
    attempts = stored.attempts()
    if not any(attempt.saved for attempt in attempts):
        every = resources.store.attempts_by_member(spec.run_id)
        if should_fail_run(error, every, run.members, run.max_attempts, lambda: {task.worker, *task.others()}):
            return _fail_run(resources, run, error)
    if failures_in_a_row(attempts) >= run.max_attempts or should_fail_member(error, attempts):
        return _completed(fail_member(resources, spec, attempts[-1].number, describe(error)))
    guard.lease.rest(_REST_S)
    return Resend(after_s=RETRY_DELAY_S)


def _fail_run(resources: Resources, run: RunSpec, error: Exception) -> Outcome:
    """Commit that the run failed. No task result: members without a record are resent if the run is resumed."""
    cause = _RECIPE_OR_DATA if is_of_recipe_or_data(error) else _EVERY_WORKER
    reason = f"{cause}: {describe(error).rstrip('.')}"
    failure = RunFailure(requested=run.members, trained=0, reason=reason, failed_at=datetime.now(UTC))
    resources.store.evaluation(run).commit_failure(failure)
    logger.error("Run %s fails: %s.", run.run_id, reason, extra={"run_id": run.run_id})
    return Completed(status=None)


def _hand_over(resources: Resources, task: _Task, number: int) -> None:
    """Store that an attempt ended on purpose, and delete saved epochs that are not needed any more."""
    stored = _stored(resources, task)
    try:
        stored.hand_over(number)
        if stored.has_record():
            stored.delete_epochs()
    except StorageError as error:  # then it counts as a failed attempt
        logger.warning(
            "It could not be noted that member %d was handed over: %s", task.spec.index, error, extra=task.extra
        )


def _why_over(resources: Resources, task: _Task) -> type[AttemptEnded] | None:
    if _stored(resources, task).has_record():
        return MemberTaken
    return RunCancelled if _is_run_over(resources, task) else None


def _is_run_over(resources: Resources, task: _Task) -> bool:
    """Return whether the run was cancelled or has failed."""
    store, run = resources.store, task.run
    return store.is_cancelled(run.run_id) or store.evaluation(run).has_failed()


def _stored(resources: Resources, task: _Task) -> MemberStore:
    """Return the member's part of storage."""
    return resources.store.member(task.spec.run_id, task.spec.index)


def _completed(record: MemberRecord) -> Completed:
    return Completed(status=record.member.status)
