"""Guards the work for one message: a lease keeps others from it, and a watchdog ends it if it stalls."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deepchord.shared.broker import Limit
from deepchord.worker.execution.guarding.lease_renewal import Lease
from deepchord.worker.execution.guarding.watchdog import StallWatchdog
from deepchord.worker.execution.outcomes import RESEND_DELAY_S, AttemptEnded, Resend, WorkerLeaving
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer, TrainingState


@dataclass(frozen=True, kw_only=True, eq=False)
class Guard(Observer):
    """The lease and the watchdog of an attempt, checked after each step."""

    lease: Lease
    watchdog: StallWatchdog
    #: Set when this worker was told to stop.
    leaving: threading.Event
    #: What happens to the message if this worker may not hold the lease now; None if it holds it.
    conflict: Resend | None

    def advance(self) -> None:
        """Note that a step has ended.

        Raises:
            AttemptEnded: The attempt must stop.
        """
        self.watchdog.advance()
        self.lease.check()
        if self.leaving.is_set():
            raise WorkerLeaving

    def batch(self, epochs_done: int, epoch_share: float) -> None:
        """Note that a batch has ended."""
        del epochs_done, epoch_share
        self.advance()

    def predicted(self) -> None:
        """Note that a prediction has ended."""
        self.advance()

    def epoch(self, state: TrainingState) -> None:
        """Note that an epoch has ended."""
        del state
        self.advance()


@contextmanager
def guarded(
    resources: Resources,
    lease_name: str,
    is_over: Callable[[], type[AttemptEnded] | None],
    report: Callable[[str], None],
    limit: Limit | None = None,
) -> Iterator[Guard]:
    """Hold a lease for the length of the block, and end this process if the work in it stalls.

    Args:
        resources: Settings and broker of this process.
        lease_name: The lease of the member or the evaluation.
        is_over: Returns why the attempt must stop, or None; called with each renewal of the lease.
        report: Called with the reason just before the process is ended.
        limit: How many members of the run may be trained at once; None: any number.

    Yields:
        The guard. If it has a `conflict`, another worker holds the lease or the limit is reached, and the work must not
        be done.
    """
    with StallWatchdog(resources.settings.stall_timeout_s, report) as watchdog:
        lease = Lease(
            resources.leases,
            lease_name,
            resources.settings.lease_s,
            worker=resources.worker_id,
            is_over=is_over,
            may_renew=watchdog.is_advancing,
            limit=limit,
        )
        held = lease.take()
        if held is not None:
            conflict = Resend(after_s=held.remaining_s + RESEND_DELAY_S)
            yield Guard(lease=lease, watchdog=watchdog, leaving=resources.leaving, conflict=conflict)
            return
        with lease:
            yield Guard(lease=lease, watchdog=watchdog, leaving=resources.leaving, conflict=None)
