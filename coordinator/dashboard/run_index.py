"""The list of all runs in memory: an ended run is read once and seldom looked at again, a live one often."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deepchord.coordinator.dashboard.encoding import encode
from deepchord.coordinator.report import summary
from deepchord.shared.errors import DeepchordError, RunNotFoundError
from deepchord.shared.storage import RunStore

#: An ended run may be extended or resumed, or its folder removed.
_ENDED_EVERY_S = 60.0
#: A run that nobody seems to train is looked at the less often the longer it stands still, but at least so often.
_STILL_EVERY_S = 15.0
#: After so many times the interval without a change the next look is due.
_STILL_FACTOR = 20.0
#: Reads that wait for storage at the same time, and runs between two looks at the clock.
_READERS, _BATCH = 8, 16


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run in the list."""

    run_id: str
    #: What the page is told of it, as JSON.
    data: bytes
    has_ended: bool
    #: On the clock of the index: when it was read last, and when it last changed.
    read_at: float
    changed_at: float


def due_after_s(line: RunLine) -> float:
    """Return for how long what was read of a run is taken as it is."""
    if line.has_ended:
        return _ENDED_EVERY_S
    return min(_STILL_EVERY_S, (line.read_at - line.changed_at) / _STILL_FACTOR)


def order_of_reading(
    names: Sequence[str], lines: Collection[RunLine], at_once: Collection[str], now: float
) -> Iterator[str]:
    """Yield the runs to read now: those at work or looked at, new ones from the newest on, then those that are due.

    Args:
        names: All runs in storage, oldest first.
        lines: What is known.
        at_once: Runs at which workers are at work, which somebody looks at, or which were just changed here.
        now: On the clock of the lines.
    """
    known = {line.run_id: line for line in lines}
    yield from (name for name in reversed(names) if name in known and name in at_once)
    yield from (name for name in reversed(names) if name not in known)
    due = [line for line in lines if line.run_id not in at_once and now - line.read_at >= due_after_s(line)]
    there = set(names)
    yield from (line.run_id for line in sorted(due, key=lambda line: line.read_at) if line.run_id in there)


class RunIndex:
    """All runs in storage, as far as they are read by now."""

    def __init__(self, store: RunStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Create an empty index; nothing is read yet.

        Args:
            store: Shared storage.
            clock: Returns seconds.
        """
        self._store = store
        self._clock = clock
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="dashboard-reader")
        #: By run id.
        self.lines: dict[str, RunLine] = {}
        #: How many runs of the storage are not read yet.
        self.pending = 0
        #: Folders that hold no run, and since when that is known.
        self._empty: dict[str, float] = {}

    def refresh(self, at_once: Collection[str], most_s: float) -> None:
        """Read what is new or due, for about so many seconds; the rest is due at the next call.

        Raises:
            StorageError: Storage does not answer.
        """
        began = self._clock()
        self._empty = {name: since for name, since in self._empty.items() if began - since < _STILL_EVERY_S}
        names = [name for name in self._store.run_folders() if name not in self._empty]
        for gone in self.lines.keys() - set(names):
            del self.lines[gone]
        wanted = list(order_of_reading(names, self.lines.values(), at_once, began))
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            for name, line in zip(batch, self._pool.map(self._read, batch), strict=True):
                if line is None:
                    self._empty[name] = self._clock()
                    self.lines.pop(name, None)
                else:
                    self.lines[name] = line
            if self._clock() - began > most_s:
                break
        self.pending = sum(name not in self.lines and name not in self._empty for name in names)

    def has_ended(self, run_id: str) -> bool:
        """Return whether a run had ended when it was last read."""
        return run_id in self.lines and self.lines[run_id].has_ended

    def close(self) -> None:
        """End the threads that read."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, name: str) -> RunLine | None:
        """Return a run as it is now; None if the folder holds none."""
        try:
            found = summary(self._store.run(name), self._store)
        except RunNotFoundError:
            return None
        except DeepchordError as error:
            # One run that cannot be read must not hide the others.
            found = {"run_id": name, "state": "unreadable", "trouble": str(error)}
        data, now, before = encode(found), self._clock(), self.lines.get(name)
        return RunLine(
            run_id=name,
            data=data,
            has_ended=found["state"] != "unfinished",
            read_at=now,
            changed_at=now if before is None or before.data != data else before.changed_at,
        )
