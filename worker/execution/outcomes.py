"""What can happen to a message. The tasks of members and evaluations return it, `redelivery` carries it out."""

from dataclasses import dataclass

from deepchord.shared.errors import DeepchordError, StorageError

#: How long after the end of another worker's lease a message is handled again.
RESEND_DELAY_S = 1.0
#: The wait before another attempt: without it a short problem of one worker would use up all attempts.
RETRY_DELAY_S = 2.0


# Raised in the middle of an attempt that must stop although nothing failed.
class AttemptEnded(Exception):  # noqa: N818  no error: the attempt is stopped on purpose
    """The attempt must stop; raised at its next step."""


class MemberTaken(AttemptEnded):
    """Another process works on the member or the evaluation, or the member has its record already."""


class RunCancelled(AttemptEnded):
    """The run was cancelled, or it has failed."""


class WorkerLeaving(AttemptEnded):
    """This worker was told to stop."""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """Nothing is left to do for the message."""

    #: How the member or the run has ended: the task's result. None if the run was cancelled, or it is too early.
    status: str | None


@dataclass(frozen=True, kw_only=True)
class Resend:
    """The message goes to the end of the queue after a while, for any worker that is free then."""

    after_s: float


@dataclass(frozen=True, kw_only=True)
class Requeue:
    """The message goes back to the queue for another worker, because this one stops."""


@dataclass(frozen=True, kw_only=True)
class DeferToOthers:
    """The message goes to the end of the queue at once, for another worker; this one pauses."""

    pause_s: float


@dataclass(frozen=True, kw_only=True)
class StorageUnavailable:
    """Storage failed during an attempt; the message is resent a few times."""

    error: StorageError


@dataclass(frozen=True, kw_only=True)
class Refused:
    """This worker cannot handle the message; it is resent, many times if other workers are connected."""

    error: DeepchordError


Outcome = Completed | Resend | Requeue | DeferToOthers | StorageUnavailable | Refused


def outcome_of(ended: AttemptEnded) -> Outcome:
    """Return what happens to the message of an attempt that had to stop."""
    match ended:
        case RunCancelled():
            return Completed(status=None)
        case WorkerLeaving():
            return Requeue()
    return Resend(after_s=RESEND_DELAY_S)
