"""How many cores other programs keep busy: all that the processor did, less what the processes of this command did."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import psutil

#: Over so many seconds the load is measured, at least: a clock tick of the kernel is a hundredth of one.
WINDOW_S = 0.9
#: What is no work of a program: waiting, and what a guest does, which `user` holds already.
_NO_WORK = ("idle", "iowait", "steal", "guest", "guest_nice")


@dataclass(frozen=True, kw_only=True)
class ProcessorTimes:
    """What the processor has done up to one moment."""

    at_s: float
    #: Seconds of all cores together since the machine was started.
    busy_s: float
    #: Seconds of the processes of this command, with those that have ended.
    own_s: float


def load_of_others(before: ProcessorTimes, after: ProcessorTimes) -> float | None:
    """Return how many cores other programs kept busy between two moments; None if that cannot be told.

    The times of a process that ended are missing until its parent has noticed; then nothing can be told.
    """
    passed_s, own_s = after.at_s - before.at_s, after.own_s - before.own_s
    if passed_s <= 0 or own_s < 0:
        return None
    return max(0.0, (after.busy_s - before.busy_s - own_s) / passed_s)


class LoadMeter:
    """Measures the load of others over the last second, each time that it is asked."""

    def __init__(self, read: Callable[[], ProcessorTimes]) -> None:
        self._read = read
        self._seen: deque[ProcessorTimes] = deque([read()])

    def load(self) -> float | None:
        """Return how many cores others kept busy lately; None if less than a second is known, or it cannot be told."""
        now = self._read()
        self._seen.append(now)
        while len(self._seen) > 1 and now.at_s - self._seen[1].at_s >= WINDOW_S:
            self._seen.popleft()
        first = self._seen[0]
        return load_of_others(first, now) if now.at_s - first.at_s >= WINDOW_S else None


def read_times(clock: Callable[[], float]) -> ProcessorTimes:
    """Return what the processor has done so far, and this process and its descendants of it.

    Args:
        clock: Returns seconds.
    """
    times = psutil.cpu_times()._asdict()
    busy_s = sum(seconds for name, seconds in times.items() if name not in _NO_WORK)
    own_s = 0.0
    for process in own_processes():
        try:
            used = process.cpu_times()
        except psutil.Error:  # it has just ended; its parent has its times
            continue
        own_s += used.user + used.system + used.children_user + used.children_system
    return ProcessorTimes(at_s=clock(), busy_s=busy_s, own_s=own_s)


def own_processes() -> list[psutil.Process]:
    """Return this process and all its descendants."""
    this = psutil.Process()
    try:
        return [this, *this.children(recursive=True)]
    except psutil.Error:
        return [this]
