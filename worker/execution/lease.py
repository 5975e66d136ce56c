"""Holds a lease for the length of an attempt, and ends the attempt when it should not go on."""

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

from deepchord.shared.broker import RENEWAL_INTERVAL_S, HeldLease, Holder, Leases
from deepchord.shared.errors import StorageError
from deepchord.worker.execution.stop_reasons import AttemptEnded, MemberTaken

logger = logging.getLogger(__name__)

#: How often a lease is renewed within its time, at least.
_RENEWALS = 6
#: Between attempts to take a lease while the broker does not answer.
_WAITS_S = (0.5, 1.0, 2.0)
#: A thread that a storage holds up is left behind.
_JOIN_WITHIN_S = 1.0


class Lease:
    """A lease, renewed by a thread of its own while steps end; raises `AttemptEnded` at the next step if it must.

    Without a broker it goes on as if the lease were its own, and tries again: what can be lost that way is work, never
    a result.
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
    ) -> None:
        """Take what is held.

        Args:
            leases: All leases.
            name: The lease.
            ttl_s: How long it lasts without renewal.
            worker: Unique for each start of a worker, which works at one thing at a time.
            is_over: Asked with each renewal whether the attempt is to end; storage errors are ignored.
            may_renew: False when nothing has advanced for too long: then the lease is left to others.
        """
        self._leases = leases
        self._name = name
        self._ttl_s = ttl_s
        self._is_over = is_over
        self._may_renew = may_renew
        self._holder = Holder(worker=worker, process_id=os.getpid(), token=uuid.uuid4().hex)
        #: Whether the broker said that the lease is ours.
        self.is_confirmed = False
        self._rest_s = 0.0
        self._ended: type[AttemptEnded] | None = None
        self._stopped = threading.Event()
        # Two threads: a storage that hangs must not keep the lease from being renewed.
        self._threads = [
            threading.Thread(target=self._until_stopped, args=(work,), name="lease", daemon=True)
            for work in (self.renew, self.ask)
        ]

    def take(self) -> HeldLease | None:
        """Take the lease; return who has it, if it is somebody else. An outage of some seconds is waited for."""
        for wait_s in (*_WAITS_S, None):
            try:
                held = self._leases.hold(self._name, self._holder, self._ttl_s)
                if held is not None and self._is_stale(held):
                    held = self._leases.hold(self._name, self._holder, self._ttl_s, instead_of=held)
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
            self._leases.release(self._name, self._holder, self._rest_s)
        except redis.RedisError as trouble:
            logger.info("Lease %s could not be given up, it will end by itself: %s.", self._name, trouble)

    def rest(self, seconds: float) -> None:
        """Let the lease be seen for a while after it is given up, because the member's next attempt is under way."""
        self._rest_s = seconds

    def check(self) -> None:
        """Raise if the attempt is not to go on."""
        if self._ended is not None:
            raise self._ended

    def renew(self) -> None:
        """Renew the lease, or find out that somebody else has it."""
        try:
            if self._may_renew() and self._leases.hold(self._name, self._holder, self._ttl_s) is not None:
                self._ended = MemberTaken
        except redis.RedisError as error:
            logger.info("Lease %s could not be renewed: %s.", self._name, error)

    def ask(self) -> None:
        """Find out whether the attempt is to end."""
        try:
            self._ended = self._ended or self._is_over()
        except StorageError as error:
            logger.info("Nobody knows whether %s is to go on: %s", self._name, error)

    def _is_stale(self, held: HeldLease) -> bool:
        """Return whether the holder was an earlier process of this very worker, which has one at a time."""
        holder = held.holder
        return (
            holder is not None
            and holder.worker == self._holder.worker
            and (holder.process_id == self._holder.process_id or not psutil.pid_exists(holder.process_id))
        )

    def _until_stopped(self, work: Callable[[], None]) -> None:
        while not self._stopped.wait(min(RENEWAL_INTERVAL_S, self._ttl_s / _RENEWALS)):
            work()
