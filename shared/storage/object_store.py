"""What a storage must offer, and the keys that it takes."""

import re
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import psutil

from deepchord.shared.errors import CorruptObjectError, StorageError

#: The scheme of the storage that lies in the broker itself; nothing follows it.
BROKER_STORAGE = "broker"

#: A key is names like these with `/` between them: nothing hidden, and no way out of the storage.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: The longest key that every storage takes: S3 has this limit.
_LONGEST_KEY = 1024


@runtime_checkable
class ObjectStore(Protocol):
    """A flat name space of immutable or replaceable byte strings; keys are relative paths with `/`.

    A reader sees an object whole or not at all. Every operation raises `StorageError` when the storage cannot do it.
    """

    @property
    def url(self) -> str:
        """The address, fit to be printed."""
        ...

    @property
    def largest_bytes(self) -> int | None:
        """How large an object may be; None: larger than anything that deepchord writes."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it. Exactly one of many callers wins."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        ...

    def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes; raise `ObjectNotFoundError` if there are none.

        Args:
            key: What to read.
            most_bytes: `CorruptObjectError` is raised if there are more; None: more than this machine's memory holds.
        """
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with the prefix (whole folders: it ends in `/` or is empty), sorted."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names directly below a prefix that further names follow, sorted; what lies deeper is not read."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether the key holds an object."""
        ...

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the key holds an object like these bytes, as far as that is known without fetching it.

        A folder compares all bytes, another storage only how many there are. `CorruptObjectError` is raised for what is
        no object.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...


def check_size(objects: ObjectStore, key: str, size: int, most_bytes: int | None) -> None:
    """Raise `CorruptObjectError` if an object is too large; see `ObjectStore.get`."""
    most = psutil.virtual_memory().total if most_bytes is None else most_bytes
    if size > most:
        raise CorruptObjectError(
            f"{objects.url}/{key} is damaged: it has {size:,} bytes, and at most {most:,} are read. Restore it from a "
            "copy, or remove it."
        )


def is_name(text: str) -> bool:
    """Return whether a text may stand in a key between two `/`."""
    return _NAME.fullmatch(text) is not None


def check_key(key: str) -> str:
    """Return the key; raise `StorageError` if it is none that every storage takes."""
    if len(key) > _LONGEST_KEY or not all(is_name(part) for part in key.split("/")):
        raise StorageError(
            f"{key!r} is no valid key of a storage: expected names of A-Z a-z 0-9 . _ - and /, "
            f"at most {_LONGEST_KEY} characters.",
            permanent=True,
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix; raise `StorageError` unless it is empty or names a whole folder."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix
