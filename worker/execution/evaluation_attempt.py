"""How a run ends when all its members have: evaluated, or failed with a reason."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from shared.attempts import Attempt
from shared.endings import RunFailure
from shared.errors import DeepchordError, StorageError
from shared.messages import RunSpec, TrainedMember
from shared.storage import RunStore
from worker.ensemble import evaluate, run_candidates
from worker.execution.lease import AttemptEnded, RunCancelled
from worker.execution.member_task import note_of
from worker.execution.outcomes import Done
from worker.execution.setback import sentence
from worker.resources import Resources

logger = logging.getLogger(__name__)

#: How often an evaluation is begun at all, by whoever: more, and it must be what kills its process each time.
_MOST_STARTS = 10
#: How often it may end with an error.
_MOST_FAILURES = 3


class EvaluationFailed(Exception):  # noqa: N818  it tells of an error
    """An attempt at an evaluation ended with an error."""

    def __init__(self, error: Exception) -> None:
        """Take the error."""
        super().__init__(sentence(error))
        self.error = error


def settled(store: RunStore, run: RunSpec) -> Done | None:
    """Return what there is to say of a run that is not to be evaluated, now or ever; None if it is.

    Reads no record, because it is asked as often as a member ends.

    Raises:
        StorageError: Storage does not answer.
    """
    if store.has_evaluation(run):
        return Done(status="evaluated")
    if store.has_failed(run):
        return Done(status="failed")
    if store.is_cancelled(run.run_id) or not set(range(run.members)).issubset(store.recorded(run.run_id)):
        return Done(status=None)
    return None


def conclude(resources: Resources, run: RunSpec, worker: str, advance: Callable[[], None]) -> str | None:
    """Evaluate a run whose members have all ended; return how it ended, or None if it is too early or was cancelled.

    Args:
        resources: Engine and storage of this process.
        run: The run as it was last extended.
        worker: The name of this worker as Celery has it.
        advance: Called when a step has ended; may raise `AttemptEnded`.

    Raises:
        AttemptEnded: The evaluation is not to go on; the attempt does not count.
        EvaluationFailed: The attempt, which counts, ended with an error.
        StorageError: No attempt could be begun.
    """
    store = resources.store
    done = settled(store, run)
    if done is not None:
        return done.status
    attempt = store.start_evaluation(run, note_of(resources.settings.host, worker))
    try:
        return _attempt(resources, run, attempt, advance)
    except AttemptEnded:
        _note(run, lambda: store.hand_over_evaluation(run, attempt))
        raise
    except Exception as error:  # whatever it fails of is bounded
        if not (isinstance(error, StorageError) and not error.permanent):
            _note(run, lambda: store.fail_evaluation(run, attempt))
        raise EvaluationFailed(error) from error


def may_begin_again(store: RunStore, run: RunSpec) -> bool:
    """Say whether an evaluation may be begun once more; also if storage cannot tell."""
    try:
        attempts = store.evaluation_attempts(run)
    except StorageError:
        return True
    return _why_not(attempts) is None


def give_up(resources: Resources, run: RunSpec, error: Exception, advance: Callable[[], None]) -> str | None:
    """Commit that the evaluation fails again and again, unless the run was evaluated, extended or cancelled."""
    if resources.store.has_evaluation(run):
        return "evaluated"
    if resources.store.run(run.run_id).extension != run.extension:
        return None
    try:
        return _fail(resources, run, f"its evaluation failed: {sentence(error)}", advance)
    except RunCancelled:
        return None


def _attempt(resources: Resources, run: RunSpec, attempt: int, advance: Callable[[], None]) -> str:
    store = resources.store
    # A listing may be older than this attempt, or newer.
    exhausted = _why_not([earlier for earlier in store.evaluation_attempts(run) if earlier.number < attempt])
    if exhausted is not None:
        return _fail(resources, run, f"{exhausted}; see the workers' logs", advance)
    trained = []
    for record in store.records(run.run_id, run.members):
        advance()
        if isinstance(record.member, TrainedMember):
            trained.append(record.member)
    if len(trained) < run.min_members:
        return _fail(resources, run, f"{len(trained)} members were trained, min_members is {run.min_members}", advance)
    dataset = resources.dataset(run.dataset)
    ensemble = evaluate(
        resources.engine,
        resources.trainer,
        run.architecture,
        dataset,
        run_candidates(store, run, trained),
        run.members,
        advance,
        threads=_callers(resources),
    )
    if not store.commit_evaluation(run, ensemble.evaluation, ensemble.probabilities) and not store.has_evaluation(run):
        raise RunCancelled
    return "evaluated"


def _why_not(attempts: Sequence[Attempt]) -> str | None:
    """Return why an evaluation is not to be begun once more; None if it is."""
    if sum(attempt.failed for attempt in attempts) >= _MOST_FAILURES:
        return f"its evaluation failed {_MOST_FAILURES} times"
    if sum(not attempt.handed_over for attempt in attempts) >= _MOST_STARTS:
        return f"its evaluation was begun {_MOST_STARTS} times and never came to its end"
    return None


def _note(run: RunSpec, write: Callable[[], None]) -> None:
    try:
        write()
    except StorageError as error:  # then it counts as one that never came to its end
        extra = {"run_id": run.run_id}
        logger.warning("It could not be noted how an attempt at an evaluation ended: %s", error, extra=extra)


def _callers(resources: Resources) -> int:
    """Return how many threads may predict at once: the members' workers are idle now, but for those of other runs."""
    settings = resources.settings
    if settings.threads is None or settings.evaluation_threads is None:
        return 1
    return max(1, min(resources.engine.parallel_predictions(), settings.evaluation_threads // settings.threads))


def _fail(resources: Resources, run: RunSpec, reason: str, advance: Callable[[], None]) -> str:
    """Commit that the run failed; a record that cannot be read, which may be why, counts as none.

    Raises:
        RunCancelled: Somebody was faster.
    """
    trained = 0
    for index in range(run.members):
        advance()
        with suppress(DeepchordError):
            record = resources.store.record(run.run_id, index)
            trained += record is not None and record.member.status == "trained"
    failure = RunFailure(requested=run.members, trained=trained, reason=reason, failed_at=datetime.now(UTC))
    if not resources.store.commit_failure(run, failure) and not resources.store.has_failed(run):
        raise RunCancelled
    return "failed"
