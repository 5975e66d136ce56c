"""The runs of a storage that go on, for whoever looks at all of them again and again."""

import time
from collections.abc import Callable

from deepchord.shared.storage import RunStore

#: A run that has ended may be extended or resumed, which shows after so long at most.
_FORGET_EVERY_S = 60.0


class UnendedRuns:
    """The runs in storage without those of which it is known that they have ended; what is known is forgotten often."""

    def __init__(self, store: RunStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Take where the runs are.

        Args:
            store: Shared storage.
            clock: Seconds.
        """
        self._store = store
        self._clock = clock
        self._ended: set[str] = set()
        self._forgotten = clock()

    def ids(self) -> list[str]:
        """Return their ids, oldest first.

        Raises:
            StorageError: Storage does not answer.
        """
        if self._clock() - self._forgotten > _FORGET_EVERY_S:
            self._forgotten = self._clock()
            self._ended.clear()
        return self._store.run_ids(excluding=self._ended)

    def leave_out(self, run_id: str) -> None:
        """Take note that a run has ended."""
        self._ended.add(run_id)
