"""Handles the message of an evaluation: evaluates the run unless it is too early, too late or another worker's turn."""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from deepchord.shared.broker import evaluation_lease
from deepchord.shared.errors import DeepchordError, StorageError
from deepchord.shared.messages import RunSpec
from deepchord.shared.storage import Attempt, RunStore
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation, fail_run
from deepchord.worker.execution.failure_policy import describe, pause_s
from deepchord.worker.execution.guarding import Guard, guarded
from deepchord.worker.execution.outcomes import (
    RETRY_DELAY_S,
    AttemptEnded,
    Completed,
    DeferToOthers,
    Outcome,
    Refused,
    Requeue,
    Resend,
    RunCancelled,
    outcome_of,
)
from deepchord.worker.resources import Resources

logger = logging.getLogger(__name__)

#: The most attempts at an evaluation, on all workers together. If none of them ever ended, the evaluation itself seems
#: to kill the processes.
_MAX_STARTS = 10
#: How often it may end with an error.
_MAX_FAILURES = 3


def handle_evaluation(
    resources: Resources, run_id: str, worker: str, others: Callable[[], frozenset[str]] = frozenset
) -> Outcome:
    """Evaluate a run if all members have ended and no other worker does it; return what happens to the message.

    Args:
        resources: Engine, storage and broker of this process.
        run_id: The run; its last extension is evaluated.
        worker: The name of this worker in Celery.
        others: Returns the names of the other workers that could evaluate it; called only after a failure.
    """
    try:
        run = resources.store.run(run_id)
    except DeepchordError as error:  # a wrong storage, one that does not answer, or a run of another version
        return Refused(error=error)
    try:
        return _handle(resources, run, worker, others)
    except DeepchordError as error:  # no attempt could be started, or its end could not be stored
        resources.board.report_evaluation_trouble(run, describe(error), failed_on=worker)
        return Refused(error=error)


def _handle(resources: Resources, run: RunSpec, worker: str, others: Callable[[], frozenset[str]]) -> Outcome:
    return (
        _already_finished(resources.store, run)
        or _deferred(resources, run, worker, others)
        or _evaluate(resources, run, worker)
    )


def _already_finished(store: RunStore, run: RunSpec) -> Completed | None:
    """Return how the message is completed if the run needs no evaluation now; None if it needs one.

    Reads no record, because this is called each time a member ends.
    """
    stored = store.evaluation(run)
    if stored.has_result():
        return Completed(status="evaluated")
    if stored.has_failed():
        return Completed(status="failed")
    if store.is_cancelled(run.run_id) or not set(range(run.members)).issubset(store.recorded_members(run.run_id)):
        return Completed(status=None)
    return None


def _deferred(
    resources: Resources, run: RunSpec, worker: str, others: Callable[[], frozenset[str]]
) -> DeferToOthers | None:
    """Defer the evaluation to other workers if it failed here last; None if it did not, or there are no others."""
    if resources.board.last_failed_on(run.run_id) != worker or not others():
        return None
    return DeferToOthers(pause_s=pause_s(0, random.random()))  # noqa: S311  no secret


def _evaluate(resources: Resources, run: RunSpec, worker: str) -> Outcome:
    def why_over() -> type[AttemptEnded] | None:
        return RunCancelled if resources.store.is_cancelled(run.run_id) else None

    def report(trouble: str) -> None:
        resources.board.report_evaluation_trouble(run, trouble, failed_on=worker)

    with guarded(resources, evaluation_lease(run.run_id), why_over, report) as guard:
        if guard.conflict is not None:
            return guard.conflict
        if resources.leaving.is_set():
            return Requeue()
        try:
            return (
                _already_finished(resources.store, run)
                or _exhausted(resources, run, guard)
                or _attempt(resources, run, worker, guard)
            )
        except AttemptEnded as ended:
            logger.info("The evaluation of run %s stops: %r.", run.run_id, ended, extra={"run_id": run.run_id})
            return outcome_of(ended)


def _exhausted(resources: Resources, run: RunSpec, guard: Guard) -> Completed | None:
    """Fail a run whose evaluation has used up its attempts; None if another attempt is allowed."""
    reason = _why_exhausted(resources.store.evaluation(run).attempts())
    if reason is None:
        return None
    return Completed(status=fail_run(resources, run, f"{reason}; see the workers' logs", guard.advance))


def _attempt(resources: Resources, run: RunSpec, worker: str, guard: Guard) -> Outcome:
    stored, extra = resources.store.evaluation(run), {"run_id": run.run_id}
    number = stored.start_attempt(resources.attempt_note(worker))
    try:
        return Completed(status=attempt_evaluation(resources, run, guard.advance))
    except AttemptEnded:
        with _if_storage_answers(extra):
            stored.hand_over(number)
        raise
    except Exception as error:  # any error: the number of failures is limited
        if not (isinstance(error, StorageError) and not error.permanent):
            with _if_storage_answers(extra):
                stored.fail_attempt(number)
        logger.exception("The evaluation of run %s failed.", run.run_id, extra=extra)
        resources.board.report_evaluation_trouble(run, describe(error), failed_on=worker)
        return _after_failure(resources, run, guard, error)


def _after_failure(resources: Resources, run: RunSpec, guard: Guard, error: Exception) -> Outcome:
    """Resend the evaluation; if it failed too often, fail the run, unless that was evaluated or extended meanwhile."""
    store = resources.store
    if _may_retry(store, run):
        return Resend(after_s=RETRY_DELAY_S)
    if store.evaluation(run).has_result():
        return Completed(status="evaluated")
    if store.run(run.run_id).extension != run.extension:
        return Completed(status=None)
    # Without a look at the lease, which this worker may have lost: somebody must end the run.
    advance = guard.watchdog.advance
    return Completed(status=fail_run(resources, run, f"its evaluation failed: {describe(error)}", advance))


def _may_retry(store: RunStore, run: RunSpec) -> bool:
    """Return whether another attempt is allowed; True if storage does not answer."""
    try:
        return _why_exhausted(store.evaluation(run).attempts()) is None
    except StorageError:
        return True


def _why_exhausted(attempts: Sequence[Attempt]) -> str | None:
    """Return why no other attempt is allowed; None if one is."""
    if sum(attempt.failed for attempt in attempts) >= _MAX_FAILURES:
        return f"its evaluation failed {_MAX_FAILURES} times"
    if sum(not attempt.handed_over for attempt in attempts) >= _MAX_STARTS:
        return f"its evaluation was begun {_MAX_STARTS} times and never came to its end"
    return None


@contextmanager
def _if_storage_answers(extra: dict[str, str]) -> Iterator[None]:
    """Ignore that the end of an attempt cannot be stored: the attempt then counts as one that never ended."""
    try:
        yield
    except StorageError as error:
        logger.warning("It could not be noted how an attempt at an evaluation ended: %s", error, extra=extra)
