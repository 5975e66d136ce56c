"""What follows when an attempt has failed: another one, or the end of the member, or that of the run."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.attempts import failures_in_a_row
from shared.endings import RunFailure
from shared.messages import AttemptFailure, MemberSpec, RunSpec
from shared.storage import RunStore
from worker.execution.failure_policy import is_of_recipe_or_data, is_the_members_fault, is_the_runs_fault, way_of
from worker.execution.lease import Lease
from worker.execution.member_attempt import fail_member
from worker.execution.outcomes import Again, Done, Turn, done
from worker.resources import Resources

logger = logging.getLogger(__name__)

#: Wait so long before another attempt, so that a worker with a passing trouble does not use them all up at once.
_RETRY_AFTER_S = 2.0
#: So long a failed member counts as being worked at: its next message is on its way.
_REST_S = 15.0

#: What the end of a run says before its last error.
_RECIPE_OR_DATA = (
    "the recipe or the data is at fault, for it failed in the same way on two workers before any epoch was done"
)
_EVERY_WORKER = "every worker fails in the same way before the first epoch"


@dataclass(frozen=True, kw_only=True)
class FailedAttempt:
    """An attempt that ended with an error that counts."""

    attempt: int
    worker: str
    error: Exception


def sentence(error: Exception) -> str:
    """Return an error as it is told to people."""
    return f"{type(error).__name__}: {error}"


def after_failure(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    lease: Lease,
    others: Callable[[], frozenset[str]],
    failed: FailedAttempt,
) -> Turn:
    """Hand the member to whoever is next, or commit its failure, or that of the run, if that would be no use."""
    store, error = resources.store, failed.error
    note = AttemptFailure(worker=failed.worker, way=way_of(error), error=sentence(error), failed_at=datetime.now(UTC))
    store.fail_attempt(spec.run_id, spec.index, failed.attempt, note)
    attempts = store.attempts(spec.run_id, spec.index)
    if not any(attempt.saved for attempt in attempts):
        every = store.attempts_of_all(spec.run_id)
        if is_the_runs_fault(error, every, run.members, run.max_attempts, lambda: {failed.worker, *others()}):
            return _end_run(store, run, error)
    if failures_in_a_row(attempts) >= run.max_attempts or is_the_members_fault(error, attempts):
        return done(fail_member(resources, spec, attempts[-1].number, sentence(error)))
    lease.rest(_REST_S)
    return Again(after_s=_RETRY_AFTER_S)


def _end_run(store: RunStore, run: RunSpec, error: Exception) -> Turn:
    """Commit that the run failed. No result: the members without a record may be rung again, if it is resumed."""
    found = _RECIPE_OR_DATA if is_of_recipe_or_data(error) else _EVERY_WORKER
    reason = f"{found}: {sentence(error).rstrip('.')}"
    failure = RunFailure(requested=run.members, trained=0, reason=reason, failed_at=datetime.now(UTC))
    store.commit_failure(run, failure)
    logger.error("Run %s fails: %s.", run.run_id, reason, extra={"run_id": run.run_id})
    return Done(status=None)
