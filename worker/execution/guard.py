"""Watches over what a worker does for one message: nobody else does it, it advances, and it ends when it should."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deepchord.worker.execution.lease import Lease
from deepchord.worker.execution.outcomes import RESEND_DELAY_S, Resend
from deepchord.worker.execution.stop_reasons import AttemptEnded, WorkerLeaving
from deepchord.worker.execution.watchdog import StallWatchdog
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer, TrainingState


@dataclass(frozen=True, kw_only=True, eq=False)
class Guard(Observer):
    """What is held, and asked after each step of an attempt."""

    lease: Lease
    watchdog: StallWatchdog
    #: Set when this worker was told to stop.
    leaving: threading.Event
    #: What becomes of the message if somebody else holds the lease; None if nobody does.
    conflict: Resend | None

    def advance(self) -> None:
        """A step has ended.

        Raises:
            AttemptEnded: The attempt is not to go on.
        """
        self.watchdog.advance()
        self.lease.check()
        if self.leaving.is_set():
            raise WorkerLeaving

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """A batch is done."""
        del epochs_done, epoch_share
        self.advance()

    def predicted(self) -> None:
        """Some images were predicted."""
        self.advance()

    def epoch(self, state: TrainingState) -> None:
        """An epoch is done and validated."""
        del state
        self.advance()


@contextmanager
def guarded(
    resources: Resources,
    lease_name: str,
    is_over: Callable[[], type[AttemptEnded] | None],
    report: Callable[[str], None],
) -> Iterator[Guard]:
    """Take a lease and hold it, and end this process if nothing advances any more.

    Args:
        resources: Settings and broker of this process.
        lease_name: The lease of the member or the evaluation.
        is_over: Asked with each renewal of the lease whether the attempt is to end.
        report: Told why, just before the process is ended.

    Yields:
        The guard. Where it has a `conflict`, somebody else holds the lease: nothing is to be done then.
    """
    with StallWatchdog(resources.settings.stall_timeout_s, report) as watchdog:
        lease = Lease(
            resources.leases,
            lease_name,
            resources.settings.lease_s,
            worker=resources.worker_id,
            is_over=is_over,
            may_renew=watchdog.is_advancing,
        )
        held = lease.take()
        if held is not None:
            conflict = Resend(after_s=held.remaining_s + RESEND_DELAY_S)
            yield Guard(lease=lease, watchdog=watchdog, leaving=resources.leaving, conflict=conflict)
            return
        with lease:
            yield Guard(lease=lease, watchdog=watchdog, leaving=resources.leaving, conflict=None)
