"""Finds out whether this worker defers a member to others: it failed here, or this worker seems to be broken."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from deepchord.shared.errors import DeepchordError
from deepchord.shared.messages import MemberSpec, RunSpec
from deepchord.shared.storage import Attempt, attempts_without_progress
from deepchord.worker.execution.failure_policy import (
    has_failed_on,
    is_suspect,
    pause_s,
    saved_nothing_on,
    should_defer_to_others,
)
from deepchord.worker.resources import Resources

#: So long attempts that got nowhere are held against a worker: the others may be busy, and they may never come.
_HELD_AGAINST_FOR = timedelta(minutes=30)
#: Of so many other members it is looked whether the worker got nowhere there, too.
_NEAR = 10


def pause_if_deferred(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    attempts: tuple[Attempt, ...],
    worker: str,
    others: Callable[[], frozenset[str]],
) -> float | None:
    """Return for how many seconds this worker takes nothing if it defers a member to others; None if it takes that.

    Args:
        resources: Storage and broker of this process.
        run: The member's run.
        spec: The member.
        attempts: All that the member has had.
        worker: The name of this worker as Celery has it.
        others: Returns the names of the others that could take it; asked only if this one is no good for it.
    """
    run_id, index = spec.run_id, spec.index
    nowhere = _got_nowhere(resources, run_id, index, attempts)
    failed_here = resources.board.last_failed_on(run_id, index) == worker or has_failed_on(worker, attempts)
    if not failed_here and not _is_suspect(resources, run, index, nowhere, worker):
        return None
    deferrals = resources.board.times_deferred(run_id, index, worker)
    if not should_defer_to_others(others(), [name for _, name in nowhere], deferrals):
        return None
    resources.board.count_deferral(run_id, index, worker)
    return pause_s(deferrals, random.random())  # noqa: S311  no secret


def _is_suspect(
    resources: Resources, run: RunSpec, index: int, nowhere: list[tuple[Attempt, str]], worker: str
) -> bool:
    """Return whether this worker seems to be broken: it would use up the attempts of all members in the queue.

    Storage tells it, which knows of processes that just died, too. A worker takes members in their order, so only those
    near it are looked at.
    """
    store = resources.store

    def nowhere_at(other: int) -> int:
        attempts = store.member(run.run_id, other).attempts()
        return saved_nothing_on(worker, _got_nowhere(resources, run.run_id, other, attempts))

    near = sorted(range(run.members), key=lambda other: abs(other - index))[1 : _NEAR + 1]
    unended = (other for other in near if not store.member(run.run_id, other).has_record())
    return is_suspect(saved_nothing_on(worker, nowhere), map(nowhere_at, unended))


def _got_nowhere(
    resources: Resources, run_id: str, index: int, attempts: tuple[Attempt, ...]
) -> list[tuple[Attempt, str]]:
    """Return a member's last attempts, the last first, that got it no further not long ago, and on which workers."""
    recent = []
    for attempt in reversed(attempts_without_progress(attempts)):
        try:
            note = resources.store.member(run_id, index).attempt_note(attempt.number)
        except DeepchordError:  # nobody knows whose it was
            break
        if datetime.now(UTC) - note.started_at > _HELD_AGAINST_FOR:
            break
        recent.append((attempt, note.worker))
    return recent
