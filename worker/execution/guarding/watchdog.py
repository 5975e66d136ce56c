"""Ends a training process that stalls.

GPUs with old drivers may stop without an error, and storage may hang. No exception can interrupt a call into a driver
or a file system, so the whole process is ended. Then the broker delivers the message to another worker, and the
attempt counts.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)

#: The exit code of a process that was ended because it stalled.
STALLED = 75


class StallWatchdog:
    """Ends the process when no step (a batch, an epoch, a prediction …) has ended for too long."""

    def __init__(
        self,
        timeout_s: float,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """Create a watchdog; as a context manager it watches in a thread of its own.

        Args:
            timeout_s: How long a step may take, including the compilation in the first one.
            report: Called with the reason just before the process ends; its errors are logged.
            clock: Returns seconds.
            end: Ends the process with an exit code.
        """
        self._timeout_s = timeout_s
        self._report = report
        self._clock = clock
        self._end = end
        self._last = clock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._last = self._clock()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def advance(self) -> None:
        """Note that a step has ended."""
        self._last = self._clock()

    def is_advancing(self) -> bool:
        """Return whether a step has ended within the last `timeout_s` seconds."""
        return self._clock() - self._last <= self._timeout_s

    def check(self) -> None:
        """End the process if it has stalled."""
        if self.is_advancing():
            return
        why = (
            f"nothing was computed for {self._timeout_s:.0f} s: the device has stopped, or the storage hangs; "
            "the process was ended (DEEPCHORD_STALL_TIMEOUT_S)"
        )
        logger.critical("%s", why)
        try:
            self._report(why)
        except Exception:
            logger.exception("The stall could not be reported.")
        self._end(STALLED)

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._timeout_s / 10)):
            self.check()
