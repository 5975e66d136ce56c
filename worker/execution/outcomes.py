"""What can happen to a message. The tasks of members and evaluations return it, `redelivery` carries it out."""

from dataclasses import dataclass

from deepchord.shared.errors import DeepchordError, StorageError
from deepchord.worker.execution.stop_reasons import AttemptEnded, RunCancelled, WorkerLeaving

#: How long after the end of another worker's lease a message is handled again.
RESEND_DELAY_S = 1.0
#: The wait before another attempt: without it a short problem of one worker would use up all attempts.
RETRY_DELAY_S = 2.0


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
