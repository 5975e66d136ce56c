"""The attempts at a member or an evaluation: what they saved, and which of them count as failures."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SavedEpoch:
    """The training state that an attempt saved after an epoch; another attempt can continue from it."""

    attempt: int
    #: Counted from 1.
    epoch: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How an attempt at a member failed, in a form that can be compared; `comparable_failure` makes it."""

    #: A digest of the worker's name.
    worker: str
    #: A digest of what went wrong; failures of the same kind have the same digest.
    way: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a member, or at the evaluation."""

    #: Counted from 1; no two attempts have the same number.
    number: int
    saved: tuple[SavedEpoch, ...] = ()
    #: Whether the attempt does not count: its worker handed the member over on purpose, or the run was resumed since.
    handed_over: bool = False
    #: Of an evaluation: whether it ended with an error other than a temporary one of storage.
    failed: bool = False
    #: Of a member: how it failed; None if it did not fail, or if its process died without a trace.
    failure: Failure | None = None
    #: Of a member: whether it finished training and published weights.
    has_weights: bool = False


def digest(text: str) -> str:
    """Return a short digest of a text that may be part of a storage key; equal texts have equal digests."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def comparable_failure(worker: str, way: str) -> Failure:
    """Return a failure on a worker in the form that can be compared."""
    return Failure(worker=digest(worker), way=digest(way))


def furthest_epochs_first(attempts: Iterable[Attempt]) -> tuple[SavedEpoch, ...]:
    """Return all saved epochs; the furthest epoch, which leaves the least to train, comes first."""
    saved = (epoch for attempt in attempts for epoch in attempt.saved)
    return tuple(sorted(saved, key=lambda epoch: (epoch.epoch, epoch.attempt), reverse=True))


def progress_count(attempts: Iterable[Attempt]) -> int:
    """Return a number that grows with each new epoch that is saved, and with each attempt that counts."""
    attempts = tuple(attempts)
    furthest = max((epoch.epoch for attempt in attempts for epoch in attempt.saved), default=0)
    return furthest + sum(not attempt.handed_over for attempt in attempts)


def attempts_without_progress(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Return the last attempt that made progress and all attempts after it, in order; all if none has saved an epoch.

    Attempts that were handed over are left out.
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
    """Return how many attempts count against a member; after too many the member is given up.

    A member on unreliable machines may need many attempts and still finish, one epoch at a time. So only the attempt
    that saved the furthest epoch and the attempts after it count, without those that were handed over.
    """
    return len(attempts_without_progress(attempts))
