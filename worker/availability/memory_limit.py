"""Keeps the processes of this command within their memory: the largest one is ended when all together have too much."""

import logging
import time
from collections.abc import Callable, Mapping

import psutil

from deepchord.worker.availability.processor_load import own_processes

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5


class MemoryLimit:
    """The memory that the processes of this command may have together."""

    def __init__(self, limit_bytes: int, report: Callable[[int, str], None]) -> None:
        """Create a limit.

        Args:
            limit_bytes: Resident memory of all processes; what they share counts more than once.
            report: Called with the id of a process that is about to be ended, and a sentence.
        """
        self._limit_bytes = limit_bytes
        self._report = report
        self._looked_at_s = float("-inf")

    def check(self) -> None:
        """End the process that has most if all together have too much; the machine is looked at twice a second."""
        now = time.monotonic()
        if now - self._looked_at_s < _LOOK_EVERY_S:
            return
        self._looked_at_s = now
        used = _resident_bytes()
        largest = too_large(used, self._limit_bytes)
        if largest is None:
            return
        had_gb, limit_gb = sum(used.values()) / 1e9, self._limit_bytes / 1e9
        text = (
            f"the workers of this machine had {had_gb:.2f} GB, more than the {limit_gb:.2f} GB of --memory-limit: the "
            "process that had most was ended"
        )
        logger.error("%s.", text[:1].upper() + text[1:])
        self._report(largest, text)
        try:
            psutil.Process(largest).kill()
        except psutil.Error:
            logger.info("Process %d had ended already.", largest)


def too_large(used: Mapping[int, int], limit_bytes: int) -> int | None:
    """Return which process is to be ended; None if all together are within the limit.

    Args:
        used: The memory of each process in bytes, by its id.
        limit_bytes: How much they may have together.
    """
    if not used or sum(used.values()) <= limit_bytes:
        return None
    return max(used, key=lambda process: (used[process], process))


def _resident_bytes() -> dict[int, int]:
    """Return the memory of all descendants of this process."""
    found = {}
    for process in own_processes()[1:]:
        try:
            found[process.pid] = process.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return found
