"""Ends a worker whose work is done: nothing waits for it, or it may train no more members."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import redis
from celery.worker import state

from deepchord.shared.queue import queue_length
from deepchord.worker.resources import Resources

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
#: For so long there must have been nothing to do: after a run's last member its evaluation is sent.
SETTLE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What there is to do for a worker at one moment."""

    #: How many messages this worker has.
    taken: int
    #: How many messages wait in the queues that it ends by; None: the broker does not answer.
    waiting: int | None
    #: How many members it may still train; None: as many as there are.
    members_left: int | None = None
    #: Whether it was not allowed to train the member that it has.
    is_refused: bool = False


def is_idle(load: Workload, *, until_empty: bool) -> bool:
    """Return whether a worker has nothing to do now; what waits in its queues counts only if it ends by that."""
    return not load.taken and (load.waiting == 0 or not until_empty)


def why_done(load: Workload, idle_s: float, *, until_empty: bool) -> str | None:
    """Return why nothing is left to do for a worker; None if something may be.

    Args:
        load: What there is to do now.
        idle_s: For how long it has been idle.
        until_empty: Whether it ends when nothing waits for it.
    """
    if load.is_refused:
        return "it may train no more members"
    if idle_s < SETTLE_S:
        return None
    if load.members_left == 0:
        return "it has trained all members that it may train"
    return "nothing waits for it" if until_empty else None


class Ending:
    """Tells this worker to stop when its work is done, from a thread of its own."""

    def __init__(
        self,
        resources: Resources,
        *,
        until_empty: bool,
        stop: Callable[[], object] = lambda: os.kill(os.getpid(), signal.SIGTERM),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it.

        Args:
            resources: The broker, and how many members may still be trained.
            until_empty: Whether the worker ends when nothing waits for it.
            stop: Stops the worker; its members are handed over.
            clock: Returns seconds.
        """
        self._resources = resources
        self._until_empty = until_empty
        self._stop = stop
        self._clock = clock
        self._busy_at_s = clock()

    def start(self, queues: Iterable[str]) -> None:
        """Begin to look at what there is to do.

        Args:
            queues: The queues that this worker serves.
        """
        names, self._busy_at_s = tuple(queues), self._clock()
        threading.Thread(target=self._look_until_done, args=(names,), name="ending", daemon=True).start()

    def has_ended(self, load: Workload) -> bool:
        """Stop the worker if its work is done; return whether it was stopped."""
        now = self._clock()
        if not is_idle(load, until_empty=self._until_empty):
            self._busy_at_s = now
        why = why_done(load, now - self._busy_at_s, until_empty=self._until_empty)
        if why is None:
            return False
        logger.info("This worker ends: %s.", why)
        self._stop()
        return True

    def _look_until_done(self, queues: tuple[str, ...]) -> None:
        while not self.has_ended(self._load(queues)):
            time.sleep(_LOOK_EVERY_S)

    def _load(self, queues: tuple[str, ...]) -> Workload:
        allowance = self._resources.allowance
        try:
            waiting = (
                sum(queue_length(self._resources.broker, queue) for queue in queues) if self._until_empty else None
            )
        except redis.RedisError:  # Celery logs a broker that does not answer
            waiting = None
        return Workload(
            taken=len(state.reserved_requests),
            waiting=waiting,
            members_left=None if allowance is None else allowance.left(),
            is_refused=allowance is not None and allowance.has_refused(self._resources.worker_id),
        )
