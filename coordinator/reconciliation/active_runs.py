"""The runs in storage that have not ended, for callers that list them again and again."""

import time
from collections.abc import Callable

from deepchord.shared.storage import RunStore

#: A run that has ended may be extended or resumed; it is listed again after this time at most.
_FORGET_EVERY_S = 60.0


class ActiveRuns:
    """Lists the runs in storage without those that are marked as ended; the marks are removed once a minute."""

    def __init__(self, store: RunStore, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a list of the runs in a storage; nothing is read yet.

        Args:
            store: Shared storage.
            clock: Returns seconds.
        """
        self._store = store
        self._clock = clock
        self._ended: set[str] = set()
        self._forgotten_at = clock()

    def ids(self) -> list[str]:
        """Return the ids of the active runs, oldest first.

        Raises:
            StorageError: Storage does not answer.
        """
        if self._clock() - self._forgotten_at > _FORGET_EVERY_S:
            self._forgotten_at = self._clock()
            self._ended.clear()
        return self._store.run_ids(excluding=self._ended)

    def mark_ended(self, run_id: str) -> None:
        """Leave a run out of the list, because it has ended."""
        self._ended.add(run_id)
