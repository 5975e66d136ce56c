"""How a run ends when all its members have: evaluated, or failed with a reason."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from shared.endings import RunFailure
from shared.errors import StorageError
from shared.messages import RunSpec, TrainedMember
from shared.storage import RunStore
from worker.ensemble import evaluate, run_candidates
from worker.resources import Resources
from worker.turns import note_of, sentence

logger = logging.getLogger(__name__)

#: How often an evaluation is begun at all, by whoever: more, and it must be what kills its process each time.
_MOST_STARTS = 10


def conclude(resources: Resources, run: RunSpec, worker: str, advance: Callable[[], None]) -> str | None:
    """Evaluate a run whose members have all ended; return how it ended, or None if it is too early or was cancelled.

    Args:
        resources: Engine and storage of this process.
        run: The run as it was last extended.
        worker: The name of this worker as Celery has it.
        advance: Called when a step has ended.
    """
    store = resources.store
    if store.evaluation(run) is not None:
        return "evaluated"
    if store.failure(run) is not None:
        return "failed"
    if store.is_cancelled(run.run_id):
        return None
    records = store.records(run.run_id, run.members)
    if len(records) < run.members:
        return None
    if store.start_evaluation(run, note_of(worker)) > _MOST_STARTS:
        died = f"its evaluation was begun {_MOST_STARTS} times and never came to its end; see the workers' logs"
        return _fail(resources, run, died)
    trained = [record.member for record in records if isinstance(record.member, TrainedMember)]
    if len(trained) < run.min_members:
        return _fail(resources, run, f"{len(trained)} members were trained, min_members is {run.min_members}")
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
    store.commit_evaluation(run, ensemble.evaluation, ensemble.probabilities)
    return "evaluated"


def may_begin_again(store: RunStore, run: RunSpec) -> bool:
    """Say whether an evaluation may be begun once more; also if storage cannot tell."""
    try:
        return store.evaluation_starts(run) < _MOST_STARTS
    except StorageError:
        return True


def give_up(resources: Resources, run: RunSpec, error: Exception) -> str | None:
    """Commit that the evaluation fails again and again, unless the run was evaluated or extended in the meantime."""
    if resources.store.evaluation(run) is not None:
        return "evaluated"
    if resources.store.run(run.run_id).extension != run.extension:
        return None
    return _fail(resources, run, f"its evaluation failed: {sentence(error)}")


def _callers(resources: Resources) -> int:
    """Return how many threads may predict at once: the members' workers are idle now, but for those of other runs."""
    settings = resources.settings
    if settings.threads is None or settings.evaluation_threads is None:
        return 1
    return max(1, min(resources.engine.parallel_predictions(), settings.evaluation_threads // settings.threads))


def _fail(resources: Resources, run: RunSpec, reason: str) -> str:
    records = resources.store.records(run.run_id, run.members)
    trained = sum(record.member.status == "trained" for record in records)
    failure = RunFailure(requested=run.members, trained=trained, reason=reason, failed_at=datetime.now(UTC))
    resources.store.commit_failure(run, failure)
    return "failed"
