"""Finds out whether a member is better left to others, because this worker is broken as it seems."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.errors import DeepchordError
from shared.messages import MemberSpec, RunSpec
from worker.resources import Resources

#: So long attempts that got nowhere are held against a worker: the others may be busy, and they may never come.
_LEFT_FOR = timedelta(minutes=30)
#: Of so many other members it is looked whether the worker got nowhere there, too.
_NEAR = 10


def is_better_left(
    resources: Resources, run: RunSpec, spec: MemberSpec, worker: str, others_can: Callable[[], bool]
) -> bool:
    """Say whether the member has just failed on this worker, or the worker is broken, and another one could try it."""
    failed_here = resources.board.last_failed_on(spec.run_id, spec.index) == worker
    return (failed_here or _is_broken(resources, run, spec, worker)) and others_can()


def _is_broken(resources: Resources, run: RunSpec, spec: MemberSpec, worker: str) -> bool:
    """Say whether this worker got nowhere at the member twice in a row, or once at it and at another one, too.

    It would else use up the attempts of all members in the queue, while the others are busy. Storage tells it, which
    knows of processes that just died, too. A worker takes members in their order, so only those near it are looked at.
    """
    here = _fruitless(resources, spec.run_id, spec.index, worker)
    if here != 1:
        return here > 1
    near = sorted(range(run.members), key=lambda index: abs(index - spec.index))[1 : _NEAR + 1]
    return any(
        not resources.store.has_record(spec.run_id, index) and _fruitless(resources, spec.run_id, index, worker)
        for index in near
    )


def _fruitless(resources: Resources, run_id: str, index: int, worker: str) -> int:
    """Return how many of a member's last attempts were this worker's, not long ago, and saved no epoch."""
    count = 0
    for attempt in reversed(resources.store.attempts(run_id, index)):
        if attempt.handed_over or attempt.saved:
            break
        try:
            note = resources.store.attempt_note(run_id, index, attempt.number)
        except DeepchordError:  # nobody knows whose it was
            break
        if note.worker != worker or datetime.now(UTC) - note.started_at > _LEFT_FOR:
            break
        count += 1
    return count
