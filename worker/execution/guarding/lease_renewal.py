"""Holds a lease for the length of an attempt, and ends the attempt when it must stop."""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psutil
import redis

from deepchord.shared.broker import RENEWAL_INTERVAL_S, HeldLease, Holder, Leases, Limit
from deepchord.shared.errors import StorageError
from deepchord.worker.execution.outcomes import AttemptEnded, MemberTaken

logger = logging.getLogger(__name__)

#: How often a lease is renewed within its lifetime, at least.
_RENEWALS = 6
#: Waits between attempts to take a lease while the broker does not answer.
_WAITS_S = (0.5, 1.0, 2.0)
#: How long to wait for a thread at the end: it may hang in a call to storage.
_JOIN_WITHIN_S = 1.0


class Lease:
    """A lease that a thread renews; `check` raises `AttemptEnded` if the attempt must stop.

    While the broker does not answer, the attempt goes on as if it had the lease. If two workers then do the same work,
    time is lost, but never a result.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        ttl_s: float,
        *,
        worker: str,
        is_over: Callable[[], type[AttemptEnded] | None] = lambda: None,
        may_renew: Callable[[], bool] = lambda: True,
        limit: Limit | None = None,
    ) -> None:
        """Create a lease that is not taken yet.

        Args:
            leases: The leases in the broker.
            name: The name of the lease.
            ttl_s: How long it lasts without renewal.
            worker: Unique for each start of a worker; a worker works on one member or evaluation at a time.
            is_over: Returns why the attempt must stop, or None; called with each renewal. Storage errors are ignored.
            may_renew: Returns False when the work has stalled: then the lease is not renewed, and others may take it.
            limit: How many members of the run may have leases at once; None: any number.
        """
        self._leases = leases
        self._name = name
        self._ttl_s = ttl_s
        self._is_over = is_over
        self._may_renew = may_renew
        self._limit = limit
        self._holder = Holder(worker=worker, process_id=os.getpid(), token=uuid.uuid4().hex)
        #: Whether the broker confirmed that this worker has the lease.
        self.is_confirmed = False
        self._rest_s = 0.0
        self._ended: type[AttemptEnded] | None = None
        self._stopped = threading.Event()
        # Two threads: `ask` may hang in storage, and must not delay the renewal.
        self._threads = [
            threading.Thread(target=self._until_stopped, args=(work,), name="lease", daemon=True)
            for work in (self.renew, self.ask)
        ]

    def take(self) -> HeldLease | None:
        """Take the lease; return its holder if that is another worker. Waits some seconds if the broker is away."""
        for wait_s in (*_WAITS_S, None):
            try:
                held = self._hold()
                if held is not None and self._is_stale(held):
                    held = self._hold(instead_of=held)
                self.is_confirmed = held is None
            except redis.RedisError as error:
                if wait_s is None:
                    logger.warning("Lease %s could not be taken, its work goes on without: %s.", self._name, error)
                    return None
                time.sleep(wait_s)
            else:
                return held
        return None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_JOIN_WITHIN_S)
        try:
            self._leases.release(self._name, self._holder, self._rest_s, self._limit)
        except redis.RedisError as trouble:
            logger.info("Lease %s could not be given up, it will end by itself: %s.", self._name, trouble)

    def rest(self, seconds: float) -> None:
        """Let the lease last for some seconds after its release, because the member's next message is on its way."""
        self._rest_s = seconds

    def check(self) -> None:
        """Raise `AttemptEnded` if the attempt must stop."""
        if self._ended is not None:
            raise self._ended

    def renew(self) -> None:
        """Renew the lease; if another worker has it, the attempt must stop."""
        try:
            if self._may_renew() and self._hold() is not None:
                self._ended = MemberTaken
        except redis.RedisError as error:
            logger.info("Lease %s could not be renewed: %s.", self._name, error)

    def ask(self) -> None:
        """Ask whether the attempt must stop."""
        try:
            self._ended = self._ended or self._is_over()
        except StorageError as error:
            logger.info("Nobody knows whether %s is to go on: %s", self._name, error)

    def _hold(self, instead_of: HeldLease | None = None) -> HeldLease | None:
        return self._leases.hold(self._name, self._holder, self._ttl_s, instead_of, self._limit)

    def _is_stale(self, held: HeldLease) -> bool:
        """Return whether the lease is left over from this process, or from a dead process of the same worker.

        A worker has one process at a time.
        """
        holder = held.holder
        return (
            holder is not None
            and holder.worker == self._holder.worker
            and (holder.process_id == self._holder.process_id or not psutil.pid_exists(holder.process_id))
        )

    def _until_stopped(self, work: Callable[[], None]) -> None:
        while not self._stopped.wait(min(RENEWAL_INTERVAL_S, self._ttl_s / _RENEWALS)):
            work()
