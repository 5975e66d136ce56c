"""Ends a training process that stands still.

A device has stopped, as GPUs under old drivers do without an error, or storage hangs. No exception reaches a call into
a driver or a file system; so the process ends, the broker hands the member on, and the attempt that was taken counts.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)

#: The exit code of a process that was ended for standing still.
STALLED = 75


class StallWatchdog:
    """Ends the process when neither a batch nor an epoch nor anything else has ended for too long."""

    def __init__(
        self,
        timeout_s: float,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """Take what to wait for.

        Args:
            timeout_s: How long a step may take, the compilation of the first one included.
            report: Told why, just before the end; what it raises is logged.
            clock: Seconds.
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
        """A step of whatever is done has ended."""
        self._last = self._clock()

    def is_advancing(self) -> bool:
        """Return whether something has ended within the time that a step may take."""
        return self._clock() - self._last <= self._timeout_s

    def check(self) -> None:
        """End the process if it has stood still for too long."""
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
            logger.exception("Nobody could be told that nothing was computed any more.")
        self._end(STALLED)

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._timeout_s / 10)):
            self.check()
