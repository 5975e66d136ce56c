"""Decides whether this worker defers a member to others: it failed here, or this worker seems to be broken."""

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

#: How long failed attempts count against a worker. Not for ever: there may be no other worker that is free.
_SUSPICION_LASTS = timedelta(minutes=30)
#: How many other members are checked for failed attempts of this worker.
_CHECKED_MEMBERS = 10


def pause_if_deferred(
    resources: Resources,
    run: RunSpec,
    spec: MemberSpec,
    attempts: tuple[Attempt, ...],
    worker: str,
    others: Callable[[], frozenset[str]],
) -> float | None:
    """Return for how many seconds this worker pauses if it defers a member to others; None if it takes the member.

    Args:
        resources: Storage and broker of this process.
        run: The member's run.
        spec: The member.
        attempts: All attempts of the member.
        worker: The name of this worker in Celery.
        others: Returns the names of the other workers that could take it; called only if this one may defer it.
    """
    run_id, index = spec.run_id, spec.index
    failed = _recent_failures(resources, run_id, index, attempts)
    failed_here = resources.board.last_failed_on(run_id, index) == worker or has_failed_on(worker, attempts)
    if not failed_here and not _is_suspect(resources, run, index, failed, worker):
        return None
    deferrals = resources.board.times_deferred(run_id, index, worker)
    if not should_defer_to_others(others(), [name for _, name in failed], deferrals):
        return None
    resources.board.count_deferral(run_id, index, worker)
    return pause_s(deferrals, random.random())  # noqa: S311  no secret


def _is_suspect(resources: Resources, run: RunSpec, index: int, failed: list[tuple[Attempt, str]], worker: str) -> bool:
    """Return whether this worker seems to be broken: then it would use up the attempts of all members in the queue.

    This reads storage, which also knows the attempts of processes that died. A worker takes members in their order, so
    only members with numbers near this one are checked.
    """
    store = resources.store

    def failures_of(other: int) -> int:
        attempts = store.member(run.run_id, other).attempts()
        return saved_nothing_on(worker, _recent_failures(resources, run.run_id, other, attempts))

    near = sorted(range(run.members), key=lambda other: abs(other - index))[1 : _CHECKED_MEMBERS + 1]
    without_record = (other for other in near if not store.member(run.run_id, other).has_record())
    return is_suspect(saved_nothing_on(worker, failed), map(failures_of, without_record))


def _recent_failures(
    resources: Resources, run_id: str, index: int, attempts: tuple[Attempt, ...]
) -> list[tuple[Attempt, str]]:
    """Return the attempts since a member's last saved epoch that began lately, the last first, with their workers."""
    recent = []
    for attempt in reversed(attempts_without_progress(attempts)):
        try:
            note = resources.store.member(run_id, index).attempt_note(attempt.number)
        except DeepchordError:  # it is unknown which worker made it
            break
        if datetime.now(UTC) - note.started_at > _SUSPICION_LASTS:
            break
        recent.append((attempt, note.worker))
    return recent
