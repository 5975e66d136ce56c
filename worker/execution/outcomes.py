"""What can become of a message: returned by a member's and an evaluation's task, acted on in `redelivery`."""

from dataclasses import dataclass

from deepchord.shared.errors import DeepchordError, StorageError
from deepchord.worker.execution.stop_reasons import AttemptEnded, RunCancelled, WorkerLeaving

#: What somebody else works at is looked at again so long after their lease would have ended.
RESEND_DELAY_S = 1.0
#: The wait before another attempt, so that a worker with a passing trouble does not use them all up at once.
RETRY_DELAY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Completed:
    """There is nothing left to do for this message."""

    #: How the member or the run has ended, the task's result; None if the run was cancelled, or it is too early.
    status: str | None


@dataclass(frozen=True, kw_only=True)
class Resend:
    """The message goes to the end of the queue after a while, for whichever worker is free then."""

    after_s: float


@dataclass(frozen=True, kw_only=True)
class Requeue:
    """The message goes back to the queue, for another worker: this one takes no more."""


@dataclass(frozen=True, kw_only=True)
class DeferToOthers:
    """The message goes to the end of the queue at once, for another worker; this one takes nothing for a while."""

    pause_s: float


@dataclass(frozen=True, kw_only=True)
class StorageUnavailable:
    """Storage did not give or take what an attempt needed that was begun; the message is resent a few times."""

    error: StorageError


@dataclass(frozen=True, kw_only=True)
class Refused:
    """This worker can store nothing for this message; it is resent many times if there are workers that may."""

    error: DeepchordError


Outcome = Completed | Resend | Requeue | DeferToOthers | StorageUnavailable | Refused


def outcome_of(ended: AttemptEnded) -> Outcome:
    """Return what becomes of the message of an attempt that was not to go on."""
    match ended:
        case RunCancelled():
            return Completed(status=None)
        case WorkerLeaving():
            return Requeue()
    return Resend(after_s=RESEND_DELAY_S)
