"""Decides whose fault failures are, and whether a worker should defer a member to others: pure functions, no I/O."""

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
from deepchord.shared.storage import Attempt, digest, failure_of, failures_in_a_row, fruitless

#: Errors about what every member is given, whatever its seeds are and wherever it is trained.
_GIVEN = (InputError, DatasetError, CorruptObjectError, ObjectNotFoundError)
#: Errors that the same member meets with on every worker; another member with other seeds may not.
_SEEDED = (DivergedError,)
#: Errors of what surrounds the workers, which may pass on all of them at once.
_SURROUNDINGS = (OSError, StorageError, redis.RedisError, OperationalError)
#: So many members have to fail in the same way to tell of the run where an error may be of their seeds or workers.
_MEMBERS_THAT_TELL = 3
#: Of a foreign error's text so much is compared, without numbers: addresses, sizes and paths differ each time.
_COMPARED = 200

#: So often a worker defers a member to others that could take it, and are busy perhaps; then it tries it itself.
MAX_DEFERRALS = 60
#: What it pauses after having deferred one for the first time; twice as long each further time, but not longer than …
_FIRST_PAUSE_S = 1.0
#: … which together is about half an hour.
_LONGEST_PAUSE_S = 30.0


def describe(error: Exception) -> str:
    """Return an error as it is reported to people."""
    return f"{type(error).__name__}: {error}"


def way_of(error: Exception) -> str:
    """Return in which way an attempt failed: equal for failures that count as the same."""
    name = type(error).__name__
    if is_of_recipe_or_data(error):
        return name
    return f"{name}: {re.sub('0x[0-9a-fA-F]+|[0-9]+', '#', str(error))[:_COMPARED]}"


def should_fail_run(
    error: Exception,
    attempts: Mapping[int, Sequence[Attempt]],
    members: int,
    max_attempts: int,
    connected: Callable[[], Collection[str]],
) -> bool:
    """Return whether further attempts are of no use to any member: nothing worked, and not for want of another worker.

    That is so if two workers failed in the same way before any member had saved an epoch. Unless the error is about
    what all members are given, it must be so of several members as well, and of every worker that is there: others may
    have more memory, or more luck with their seeds. Of those members each must have failed on two workers, or be out of
    attempts, unless the error is of their seeds: a device may be held by another program for a while.

    Args:
        error: Of the last attempt.
        attempts: Of each member of the run that has had any, the last one included.
        members: How many the run has.
        max_attempts: How many a member is granted.
        connected: Returns the names of all workers that can take its members; asked only if that matters.
    """
    every = [attempt for of_member in attempts.values() for attempt in of_member]
    if _may_pass(error) or any(attempt.saved or attempt.has_weights for attempt in every):
        return False
    workers = _workers(every, error)
    if len(workers) < 2 or isinstance(error, _GIVEN):
        return len(workers) >= 2
    telling = sum(_tells_of_the_run(error, of_member, max_attempts) for of_member in attempts.values())
    return telling >= min(_MEMBERS_THAT_TELL, members) and workers.issuperset(map(digest, connected()))


def is_of_recipe_or_data(error: Exception) -> bool:
    """Return whether an error that every worker meets with is of the recipe or the data, not of devices and drivers."""
    return isinstance(error, (*_GIVEN, *_SEEDED))


def should_fail_member(error: Exception, attempts: Sequence[Attempt]) -> bool:
    """Return whether a member fails wherever it is tried: in the same way on two workers, before its first epoch.

    Args:
        error: Of the last attempt.
        attempts: All that the member has had, the last one included.
    """
    return (
        is_of_recipe_or_data(error)
        and not any(attempt.saved for attempt in attempts)
        and len(_workers(attempts, error)) >= 2
    )


def has_failed_on(worker: str, attempts: Iterable[Attempt]) -> bool:
    """Return whether a member's last attempts, which got it no further, include one that failed on this worker."""
    return any(
        attempt.failure is not None and attempt.failure.worker == digest(worker) for attempt in fruitless(attempts)
    )


def saved_nothing_on(worker: str, last: Iterable[tuple[Attempt, str]]) -> int:
    """Return how many of a member's last attempts were a worker's and saved no epoch.

    Args:
        worker: Its name.
        last: The attempts, the last one first, and the names of their workers.
    """
    return len(list(takewhile(lambda item: item[1] == worker and not item[0].saved, last)))


def is_suspect(here: int, near: Iterable[int]) -> bool:
    """Return whether a worker seems to be broken: it got nowhere at a member twice, or once there and elsewhere, too.

    Args:
        here: What `saved_nothing_on` says of the member.
        near: The same of other members without a record; looked at only if that matters.
    """
    return here > 1 or (here == 1 and any(near))


def should_defer_to_others(others: Collection[str], failed_on: Collection[str], deferrals: int) -> bool:
    """Return whether a worker that seems to be no good for a member should defer it to another one.

    Args:
        others: The names of the other workers that could take it.
        failed_on: Those that got it no further either; if all did, this one may as well try again.
        deferrals: How often this worker has deferred it already.
    """
    return deferrals < MAX_DEFERRALS and not set(others).issubset(failed_on)


def pause_s(deferrals: int, chance: float) -> float:
    """Return for how many seconds a worker takes nothing after it has deferred a member to others.

    Args:
        deferrals: How often it had deferred it before.
        chance: In [0, 1), drawn anew each time: workers in step would take for ever what they have just deferred.
    """
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(deferrals, MAX_DEFERRALS)) * (0.5 + chance)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, _SURROUNDINGS) and not isinstance(error, _GIVEN)


def _tells_of_the_run(error: Exception, attempts: Sequence[Attempt], max_attempts: int) -> bool:
    """Return whether one member's attempts tell that this error, which is not of what all are given, does not pass."""
    workers = _workers(attempts, error)
    if isinstance(error, _SEEDED):
        return bool(workers)
    return len(workers) >= 2 or (bool(workers) and failures_in_a_row(attempts) >= max_attempts)


def _workers(attempts: Iterable[Attempt], error: Exception) -> set[str]:
    """Return the digests of the workers on which attempts that count failed in the way of this error."""
    way = failure_of("", way_of(error)).way
    return {
        attempt.failure.worker
        for attempt in attempts
        if attempt.failure is not None and attempt.failure.way == way and not attempt.handed_over
    }
