"""Finds out whether a member is better left to others, because it failed here or this worker is broken as it seems."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.attempts import Attempt, fruitless
from shared.errors import DeepchordError
from shared.messages import MemberSpec, RunSpec
from worker.execution.failure_policy import has_failed_on, is_better_left, is_broken, pause_s, saved_nothing_on
from worker.resources import Resources

#: So long attempts that got nowhere are held against a worker: the others may be busy, and they may never come.
_HELD_AGAINST_FOR = timedelta(minutes=30)
#: Of so many other members it is looked whether the worker got nowhere there, too.
_NEAR = 10


def pause_if_left(
    resources: Resources, run: RunSpec, spec: MemberSpec, worker: str, others: Callable[[], frozenset[str]]
) -> float | None:
    """Return for how many seconds this worker takes nothing if it leaves a member to others; None if it takes that.

    Args:
        resources: Storage and broker of this process.
        run: The member's run.
        spec: The member.
        worker: The name of this worker as Celery has it.
        others: Returns the names of the others that could take it; asked only if this one is no good for it.
    """
    attempts = resources.store.attempts(spec.run_id, spec.index)
    failed_here = resources.board.last_failed_on(spec.run_id, spec.index) == worker or has_failed_on(worker, attempts)
    if not failed_here and not _is_broken(resources, run, spec, worker):
        return None
    failed_on = [name for _, name in _got_nowhere(resources, spec.run_id, spec.index)]
    times = resources.board.times_left(spec.run_id, spec.index, worker)
    if not is_better_left(others(), failed_on, times):
        return None
    resources.board.count_left(spec.run_id, spec.index, worker)
    return pause_s(times, random.random())  # noqa: S311  no secret


def _is_broken(resources: Resources, run: RunSpec, spec: MemberSpec, worker: str) -> bool:
    """Say whether this worker is broken, as it seems: it would use up the attempts of all members in the queue.

    Storage tells it, which knows of processes that just died, too. A worker takes members in their order, so only those
    near it are looked at.
    """

    def nowhere_at(index: int) -> int:
        return saved_nothing_on(worker, _got_nowhere(resources, spec.run_id, index))

    near = sorted(range(run.members), key=lambda index: abs(index - spec.index))[1 : _NEAR + 1]
    unended = (index for index in near if not resources.store.has_record(spec.run_id, index))
    return is_broken(nowhere_at(spec.index), map(nowhere_at, unended))


def _got_nowhere(resources: Resources, run_id: str, index: int) -> list[tuple[Attempt, str]]:
    """Return a member's last attempts, the last first, that got it no further not long ago, and on which workers."""
    found = []
    for attempt in reversed(fruitless(resources.store.attempts(run_id, index))):
        try:
            note = resources.store.attempt_note(run_id, index, attempt.number)
        except DeepchordError:  # nobody knows whose it was
            break
        if datetime.now(UTC) - note.started_at > _HELD_AGAINST_FOR:
            break
        found.append((attempt, note.worker))
    return found
