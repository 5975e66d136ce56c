"""What every kind of storage offers, and which keys are valid."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import psutil

from deepchord.shared.errors import CorruptObjectError, StorageError

#: The scheme of the storage in the broker itself; its URL has no other part.
BROKER_STORAGE = "broker"

#: A key consists of such names with `/` between them. None is hidden, and none leads out of the storage.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: The longest valid key; this is the limit of S3.
_MAX_KEY_LENGTH = 1024


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object without its bytes."""

    key: str
    size_bytes: int
    #: When it was last written, in UTC; None: the storage does not tell.
    changed_at: datetime | None


@runtime_checkable
class ObjectStore(Protocol):
    """A flat name space of immutable or replaceable byte strings; keys are relative paths with `/`.

    A reader sees a complete object or none. Every operation raises `StorageError` when the storage fails.
    """

    @property
    def url(self) -> str:
        """The address without a password."""
        ...

    @property
    def largest_bytes(self) -> int | None:
        """The largest size of an object; None: no limit that deepchord reaches."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it. Of many callers exactly one writes."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        ...

    def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes; raise `ObjectNotFoundError` if there are none.

        Args:
            key: What to read.
            most_bytes: The largest size; `CorruptObjectError` is raised for more. None: the memory of this machine.
        """
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, sorted; the prefix is a folder that ends in `/`, or empty."""
        ...

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with a prefix, sorted, with their sizes; for the prefix see `list`."""
        ...

    def leftovers(self, prefix: str) -> Iterator[StoredObject]:
        """Yield what no reader sees below a prefix: what processes were writing when they died, or are writing now."""
        ...

    def delete_leftovers(self, prefix: str, before: datetime | None = None) -> None:
        """Remove what `leftovers` yields, and empty folders, that were last changed before a moment; None: whenever."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, sorted; deeper levels are not read."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether the key holds an object."""
        ...

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the key holds these bytes, as far as can be known without a download.

        A folder compares all bytes, other storages only the size. `CorruptObjectError` is raised for something that is
        not an object.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
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
    """Return the key; raise `StorageError` if it is not valid in every kind of storage."""
    if len(key) > _MAX_KEY_LENGTH or not all(is_name(part) for part in key.split("/")):
        raise StorageError(
            f"{key!r} is no valid key of a storage: expected names of A-Z a-z 0-9 . _ - and /, "
            f"at most {_MAX_KEY_LENGTH} characters.",
            permanent=True,
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix; raise `StorageError` unless it is empty or names a folder."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def check_creates_once(objects: ObjectStore) -> None:
    """Raise `StorageError` unless storage can write, read back, and refuse to create an object that exists."""
    probe = f"probes/{uuid.uuid4().hex}"
    objects.replace(probe, b"deepchord\n")
    try:
        objects.get(probe)
        if objects.create(probe, b"twice\n"):
            raise StorageError(
                f"Storage {objects.url} overwrites what it is told to create only once, so two workers could commit "
                "the same member: use a service with conditional writes (If-None-Match).",
                permanent=True,
            )
    finally:
        objects.delete(probe)
