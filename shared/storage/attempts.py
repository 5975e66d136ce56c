"""What is known of the attempts at a member or an evaluation: what they saved, which count as failures."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SavedEpoch:
    """The training state that an attempt saved after an epoch; another attempt can go on from it."""

    attempt: int
    #: Counted from 1.
    epoch: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How an attempt at a member failed, in a form that can be compared; `comparable_failure` makes it."""

    #: A digest of the worker's name.
    worker: str
    #: A digest of what went wrong; equal for what failed in the same way.
    way: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a member, or at the evaluation."""

    #: Counted from 1; grows strictly, whatever else is lost.
    number: int
    saved: tuple[SavedEpoch, ...] = ()
    #: Whether the worker gave the member back on purpose, or somebody resumed the run since: no failure of the member.
    handed_over: bool = False
    #: Of an evaluation: whether it ended with an error that was not a passing trouble of storage.
    failed: bool = False
    #: Of a member: how it failed; None if it did not, or its process just died.
    failure: Failure | None = None
    #: Of a member: whether it came to its last epoch, and published weights.
    has_weights: bool = False


def digest(text: str) -> str:
    """Return what a name or a text is compared by, fit for a key of storage."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def comparable_failure(worker: str, way: str) -> Failure:
    """Return what is compared of a failure on a worker."""
    return Failure(worker=digest(worker), way=digest(way))


def furthest_epochs_first(attempts: Iterable[Attempt]) -> tuple[SavedEpoch, ...]:
    """Return all saved epochs, the one from which the least is left to train first."""
    saved = (epoch for attempt in attempts for epoch in attempt.saved)
    return tuple(sorted(saved, key=lambda epoch: (epoch.epoch, epoch.attempt), reverse=True))


def progress_count(attempts: Iterable[Attempt]) -> int:
    """Return a number that grows with each further epoch that is saved, and each attempt that is not handed over."""
    attempts = tuple(attempts)
    furthest = max((epoch.epoch for attempt in attempts for epoch in attempt.saved), default=0)
    return furthest + sum(not attempt.handed_over for attempt in attempts)


def attempts_without_progress(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Return the last attempts, from the one that reached the furthest epoch on, in order.

    Those that were handed over are left out.
    """
    furthest, last = 0, list[Attempt]()
    for attempt in attempts:
        reached = max((epoch.epoch for epoch in attempt.saved), default=0)
        if reached > furthest:
            furthest = reached
            last.clear()
        if not attempt.handed_over:
            last.append(attempt)
    return tuple(last)


def failures_in_a_row(attempts: Iterable[Attempt]) -> int:
    """Return how many attempts count against a member: more than it is granted, and it is given up.

    A member on machines that sleep and crash may need many attempts and still come to its end, an epoch at a time;
    one that always fails at the same place does not.
    """
    return len(attempts_without_progress(attempts))
