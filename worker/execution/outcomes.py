"""What can become of the message of a member."""

from dataclasses import dataclass

from shared.errors import StorageError
from shared.messages import MemberRecord


@dataclass(frozen=True, kw_only=True)
class Done:
    """There is nothing left to do for this message."""

    #: How the member, or the run whose evaluation was rung, has ended; None if it was cancelled, or it is too early.
    status: str | None


@dataclass(frozen=True, kw_only=True)
class Again:
    """The message is to come again, from whichever worker is free then."""

    after_s: float


@dataclass(frozen=True, kw_only=True)
class GivenBack:
    """The message goes back to the queue, for another worker: this one takes no more."""


@dataclass(frozen=True, kw_only=True)
class LeftToOthers:
    """The message goes back to the queue at once, for another worker; this one takes nothing for a while."""

    pause_s: float


@dataclass(frozen=True, kw_only=True)
class Thwarted:
    """Storage did not give or take what an attempt needed that was begun; the message may come again a few times."""

    error: StorageError


Turn = Done | Again | GivenBack | LeftToOthers | Thwarted


def done(record: MemberRecord) -> Done:
    """Return that a member has ended as its record says."""
    return Done(status=record.member.status)
