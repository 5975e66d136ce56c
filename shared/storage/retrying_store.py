"""Retries temporary errors of a storage, such as a network file system that hangs or an overloaded server."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

import tenacity

from deepchord.shared.errors import StorageError
from deepchord.shared.storage.object_store import ObjectStore, StoredObject

T = TypeVar("T")

#: Five attempts, with pauses of 0.5, 1, 2 and 4 seconds between them.
_ATTEMPTS = 5
_FIRST_WAIT_S = 0.5


class RetryingStore:
    """Wraps another storage and tries each operation several times before it raises the error."""

    def __init__(self, objects: ObjectStore, first_wait_s: float = _FIRST_WAIT_S) -> None:
        """Take the storage to wrap.

        Args:
            objects: The storage.
            first_wait_s: How long to wait before the second attempt; twice as long before each further one.
        """
        self.objects = objects
        self._try = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_temporary),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=first_wait_s),
            reraise=True,
        )

    @property
    def url(self) -> str:
        """The address without a password."""
        return self.objects.url

    @property
    def largest_bytes(self) -> int | None:
        """The largest size of an object."""
        return self.objects.largest_bytes

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it, even in an attempt that raised an error."""
        failed = False

        def attempt() -> bool:
            nonlocal failed
            try:
                return self.objects.create(key, data) or (failed and self.objects.get(key) == data)
            except StorageError:
                failed = True
                raise

        return self._retried(attempt)

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        self._retried(lambda: self.objects.replace(key, data))

    def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes."""
        return self._retried(lambda: self.objects.get(key, most_bytes))

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with the prefix, sorted."""
        return iter(self._retried(lambda: tuple(self.objects.list(prefix))))

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with the prefix, sorted."""
        return iter(self._retried(lambda: tuple(self.objects.entries(prefix))))

    def leftovers(self, prefix: str) -> Iterator[StoredObject]:
        """Yield what no reader sees below a prefix."""
        return iter(self._retried(lambda: tuple(self.objects.leftovers(prefix))))

    def delete_leftovers(self, prefix: str, before: datetime | None = None) -> None:
        """Remove what no reader sees and was last changed before a moment."""
        self._retried(lambda: self.objects.delete_leftovers(prefix, before))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, sorted."""
        return self._retried(lambda: self.objects.folders(prefix))

    def exists(self, key: str) -> bool:
        """Return whether the key holds an object."""
        return self._retried(lambda: self.objects.exists(key))

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the key holds these bytes; see `ObjectStore.holds`."""
        return self._retried(lambda: self.objects.holds(key, data))

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._retried(lambda: self.objects.delete(key))

    def _retried(self, operation: Callable[[], T]) -> T:
        return self._try.copy()(operation)


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, StorageError) and not error.permanent
