"""Decides whether failures end a member or a run, and when a worker defers a member to others: pure functions.

Errors of storage are not decided on here: `epoch_saver` and `member_task` handle storage that is full or unreachable.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import takewhile

import redis
from kombu.exceptions import OperationalError

from deepchord.shared.errors import (
    CorruptObjectError,
    DatasetError,
    DivergedError,
    InputError,
    ObjectNotFoundError,
    StorageError,
)
from deepchord.shared.storage import Attempt, attempts_without_progress, comparable_failure, digest, failures_in_a_row

#: Errors of the recipe or the data: every member has them, on every worker.
_RECIPE_OR_DATA = (InputError, DatasetError, CorruptObjectError, ObjectNotFoundError)
#: Errors that depend on the member's seeds: the member has them on every worker, other members may not.
_SEEDS = (DivergedError,)
#: Errors of broker, storage and network: all workers may have them at once, and they may pass.
_PASSING = (OSError, StorageError, redis.RedisError, OperationalError)
#: How many members must fail in the same way before the run does, unless recipe or data are the reason.
_MEMBERS_BEFORE_RUN_FAILS = 3
#: How many characters of an error's text are compared. Numbers are left out: addresses and sizes differ each time.
_COMPARED_CHARACTERS = 200

#: How often a worker defers a member to others, which may be busy; then it tries the member itself. With the pauses
#: below, that takes about half an hour.
MAX_DEFERRALS = 60
#: The pause after the first deferral; it doubles with each further one, up to the longest pause.
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


def describe(error: Exception) -> str:
    """Return an error as it is reported to people."""
    return f"{type(error).__name__}: {error}"


def way_of(error: Exception) -> str:
    """Return the kind of a failure as text; failures with equal texts count as the same."""
    name = type(error).__name__
    if is_of_recipe_or_data(error):
        return name
    return f"{name}: {re.sub('0x[0-9a-fA-F]+|[0-9]+', '#', str(error))[:_COMPARED_CHARACTERS]}"


def should_fail_run(
    error: Exception,
    attempts: Mapping[int, Sequence[Attempt]],
    members: int,
    max_attempts: int,
    connected: Callable[[], Collection[str]],
) -> bool:
    """Return whether the run should fail now, because further attempts would fail in the same way.

    The run fails only if no member has saved an epoch, and two workers have failed in the same way. That is enough for
    an error of the recipe or the data. Any other error must have come up on every connected worker, and for several
    members: other workers may have more memory, other members may have better seeds. Each of these members must have
    failed on two workers or have used up its attempts, because a device may be in use by another program for a while;
    for an error that depends on seeds one failure is enough.

    Args:
        error: The error of the last attempt.
        attempts: The attempts of each member that has any, the last attempt included.
        members: How many members the run has.
        max_attempts: How many attempts a member may have.
        connected: Returns the names of all connected workers for its members; called only if needed.
    """
    every = [attempt for of_member in attempts.values() for attempt in of_member]
    if _may_pass(error) or any(attempt.saved or attempt.has_weights for attempt in every):
        return False
    workers = _workers(every, error)
    if len(workers) < 2 or isinstance(error, _RECIPE_OR_DATA):
        return len(workers) >= 2
    failed = sum(_counts_for_run(error, of_member, max_attempts) for of_member in attempts.values())
    return failed >= min(_MEMBERS_BEFORE_RUN_FAILS, members) and workers.issuperset(map(digest, connected()))


def is_of_recipe_or_data(error: Exception) -> bool:
    """Return whether an error depends on the recipe, the data or the seeds, not on devices and drivers."""
    return isinstance(error, (*_RECIPE_OR_DATA, *_SEEDS))


def should_fail_member(error: Exception, attempts: Sequence[Attempt]) -> bool:
    """Return whether a member should fail now: it failed in the same way on two workers, before its first epoch.

    Args:
        error: The error of the last attempt.
        attempts: All attempts of the member, the last one included.
    """
    return (
        is_of_recipe_or_data(error)
        and not any(attempt.saved for attempt in attempts)
        and len(_workers(attempts, error)) >= 2
    )


def has_failed_on(worker: str, attempts: Iterable[Attempt]) -> bool:
    """Return whether one of a member's attempts since its last saved epoch failed on this worker."""
    return any(
        attempt.failure is not None and attempt.failure.worker == digest(worker)
        for attempt in attempts_without_progress(attempts)
    )


def saved_nothing_on(worker: str, last: Iterable[tuple[Attempt, str]]) -> int:
    """Return how many attempts in a row, from a member's last one backwards, a worker made without saving an epoch.

    Args:
        worker: The worker's name.
        last: The attempts with the names of their workers, the last one first.
    """
    return len(list(takewhile(lambda item: item[1] == worker and not item[0].saved, last)))


def is_suspect(here: int, near: Iterable[int]) -> bool:
    """Return whether a worker seems to be broken: two attempts at one member, or one at each of two, saved no epoch.

    Args:
        here: The result of `saved_nothing_on` for the member.
        near: The same for other members without a record; read only if needed.
    """
    return here > 1 or (here == 1 and any(near))


def should_defer_to_others(others: Collection[str], failed_on: Collection[str], deferrals: int) -> bool:
    """Return whether a worker that failed with a member should defer it to another one.

    Args:
        others: The names of the other workers that could take it.
        failed_on: The workers that failed with it as well. If all others have failed, this one tries again.
        deferrals: How often this worker has deferred it already.
    """
    return deferrals < MAX_DEFERRALS and not set(others).issubset(failed_on)


def pause_s(deferrals: int, chance: float) -> float:
    """Return for how many seconds a worker takes no message after it has deferred a member.

    Args:
        deferrals: How often it had deferred the member before.
        chance: In [0, 1), random, so that workers do not defer a member to each other in step for ever.
    """
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(deferrals, MAX_DEFERRALS)) * (0.5 + chance)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, _PASSING) and not isinstance(error, _RECIPE_OR_DATA)


def _counts_for_run(error: Exception, attempts: Sequence[Attempt], max_attempts: int) -> bool:
    """Return whether a member counts among those that must fail before the run does."""
    workers = _workers(attempts, error)
    if isinstance(error, _SEEDS):
        return bool(workers)
    return len(workers) >= 2 or (bool(workers) and failures_in_a_row(attempts) >= max_attempts)


def _workers(attempts: Iterable[Attempt], error: Exception) -> set[str]:
    """Return the digests of the workers on which an attempt failed in the same way as this error."""
    way = comparable_failure("", way_of(error)).way
    return {
        attempt.failure.worker
        for attempt in attempts
        if attempt.failure is not None and attempt.failure.way == way and not attempt.handed_over
    }
