"""What storage tells of the attempts at a member or an evaluation: what they saved, which count as failures."""

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
class Attempt:
    """One attempt at a member, or at the evaluation."""

    #: Counted from 1; grows strictly, whatever else is lost.
    number: int
    saved: tuple[SavedEpoch, ...] = ()
    #: Whether the worker gave the member back on purpose, or somebody resumed the run since: no failure of the member.
    handed_over: bool = False
    #: Of an evaluation: whether it ended with an error that was not a passing trouble of storage.
    failed: bool = False


def newest_first(attempts: Iterable[Attempt]) -> tuple[SavedEpoch, ...]:
    """Return all saved epochs, the one from which the least is left to train first."""
    saved = (epoch for attempt in attempts for epoch in attempt.saved)
    return tuple(sorted(saved, key=lambda epoch: (epoch.epoch, epoch.attempt), reverse=True))


def progress(attempts: Iterable[Attempt]) -> int:
    """Return a number that grows with each further epoch that is saved, and each attempt that is not handed over."""
    attempts = tuple(attempts)
    furthest = max((epoch.epoch for attempt in attempts for epoch in attempt.saved), default=0)
    return furthest + sum(not attempt.handed_over for attempt in attempts)


def failures_in_a_row(attempts: Iterable[Attempt]) -> int:
    """Return how many attempts at the end got the member no epoch further; the one that last did is the first of them.

    A member on machines that sleep and crash may need many attempts and still come to its end, an epoch at a time;
    one that always fails at the same place does not.
    """
    furthest = failures = 0
    for attempt in attempts:
        reached = max((epoch.epoch for epoch in attempt.saved), default=0)
        if reached > furthest:
            furthest, failures = reached, 0
        failures += not attempt.handed_over
    return failures
