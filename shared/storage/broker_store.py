"""The broker itself as storage, for small fleets without a shared disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import redis

from deepchord.shared.broker import KEY_PREFIX, as_text, connect_lazily
from deepchord.shared.errors import InputError, ObjectNotFoundError, StorageError
from deepchord.shared.settings import Settings, without_password
from deepchord.shared.storage.object_store import BROKER_STORAGE, StoredObject, check_key, check_prefix, check_size
from deepchord.shared.validation import with_full_stop

#: The broker does one thing at a time: a larger object would block it for too long.
_MAX_OBJECT_BYTES = 128 * 2**20
#: An object of 100 MB over a line of 10 Mbit/s takes 80 s.
_TIMEOUT_S = 120.0
_LIST_BATCH = 1000

_OBJECTS = f"{KEY_PREFIX}storage:"
#: A sorted set of all keys. All have the same score, so the set sorts them by name.
_KEYS = f"{KEY_PREFIX}storage-keys"


def open_broker_store(settings: Settings) -> "BrokerStore":
    """Return the storage in the broker of the settings.

    Raises:
        InputError: The broker ends with the command, or the URL is not exactly `broker://`.
    """
    if settings.storage != f"{BROKER_STORAGE}://":
        raise InputError(
            f"Storage {without_password(settings.storage)} is not valid: nothing follows {BROKER_STORAGE}://, "
            "it is the broker itself."
        )
    if settings.broker is None or settings.local:
        raise InputError(
            f"Storage {BROKER_STORAGE}:// is for a broker that outlives the command: give one with --broker, "
            "or a folder with --storage."
        )
    return BrokerStore(connect_lazily(settings, timeout_s=_TIMEOUT_S))


class BrokerStore:
    """Objects as strings in Redis or Valkey: they lie in its memory, and are as durable as its append-only file."""

    def __init__(self, client: redis.Redis) -> None:
        """Take a client whose timeouts allow objects of many megabytes."""
        self._client = client
        self._checked = False

    @property
    def url(self) -> str:
        """The address, always `broker://`."""
        return f"{BROKER_STORAGE}://"

    @property
    def largest_bytes(self) -> int:
        """The largest size of an object."""
        return _MAX_OBJECT_BYTES

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it."""
        return self._write(key, data, only_new=True)

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        self._write(key, data, only_new=False)

    def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes."""
        with self._explained(key, "read"):
            data = self._client.get(_OBJECTS + check_key(key))
        if data is None:
            raise ObjectNotFoundError(f"Storage {self.url} has no {key}.")
        check_size(self, key, len(data), most_bytes)
        return data if isinstance(data, bytes) else data.encode()

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, sorted."""
        folder, listed = check_prefix(prefix).encode(), list[str]()
        with self._explained(prefix, "list"):
            start = b"[" + folder
            while True:
                batch = self._client.zrangebylex(_KEYS, start, b"(" + folder + b"\xff", 0, _LIST_BATCH)
                listed += [as_text(key) for key in batch]
                if len(batch) < _LIST_BATCH:
                    return iter(listed)
                start = f"({listed[-1]}".encode()

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, sorted by key; the broker does not tell when they were written."""
        keys = list(self.list(prefix))
        sizes: list[int] = []
        with self._explained(prefix, "list"):
            for start in range(0, len(keys), _LIST_BATCH):
                with self._client.pipeline(transaction=False) as batch:
                    for key in keys[start : start + _LIST_BATCH]:
                        batch.strlen(_OBJECTS + key)
                    sizes += batch.execute()
        return iter(
            StoredObject(key=key, size_bytes=size, changed_at=None) for key, size in zip(keys, sizes, strict=True)
        )

    def leftovers(self, prefix: str) -> Iterator[StoredObject]:
        """Yield nothing: an object is there as a whole, or not at all."""
        check_prefix(prefix)
        return iter(())

    def delete_leftovers(self, prefix: str, before: datetime | None = None) -> None:  # noqa: ARG002  of the protocol
        """Do nothing: there are no leftovers, and no folders."""
        check_prefix(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, sorted."""
        folder, names = check_prefix(prefix).encode(), list[str]()
        with self._explained(prefix, "list"):
            start = b"[" + folder
            while batch := self._client.zrangebylex(_KEYS, start, b"(" + folder + b"\xff", 0, 1):
                name, separator, _ = as_text(batch[0]).encode().removeprefix(folder).partition(b"/")
                if separator:
                    names.append(name.decode())
                # Continue after all keys of this folder, or after this key.
                start = b"(" + folder + name + (b"/\xff" if separator else b"")
            # Keys are sorted differently from names: `a-b/` comes before `a/`.
            return iter(sorted(names))

    def exists(self, key: str) -> bool:
        """Return whether the key holds an object."""
        with self._explained(key, "read"):
            return bool(self._client.exists(_OBJECTS + check_key(key)))

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the key holds an object of the same size as these bytes."""
        with self._explained(key, "read"):
            size = self._client.strlen(_OBJECTS + check_key(key))
        return size == len(data) and (size > 0 or self.exists(key))

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        with self._explained(key, "delete"), self._client.pipeline(transaction=True) as both:
            both.delete(_OBJECTS + check_key(key))
            both.zrem(_KEYS, key)
            both.execute()

    def _write(self, key: str, data: bytes, *, only_new: bool) -> bool:
        check_key(key)
        if len(data) > _MAX_OBJECT_BYTES:
            raise StorageError(
                f"{key} has {len(data) / 2**20:.0f} MiB, but storage {self.url} takes objects of at most "
                f"{_MAX_OBJECT_BYTES // 2**20} MiB: give a folder or s3://bucket with --storage.",
                permanent=True,
            )
        with self._explained(key, "write"):
            self._check_eviction()
            with self._client.pipeline(transaction=True) as both:
                both.set(_OBJECTS + key, data, nx=only_new)
                both.zadd(_KEYS, {key: 0})
                return both.execute()[0] is not None

    def _check_eviction(self) -> None:
        """Raise if the broker removes objects when its memory is full; the broker is asked only once."""
        if self._checked:
            return
        try:
            memory = self._client.info("memory")
        except redis.ResponseError as error:
            raise StorageError(
                "The broker does not tell whether it forgets what it holds when its memory is full (INFO is renamed or "
                "not allowed), so it cannot be the storage: allow INFO, or give another one with --storage.",
                permanent=True,
            ) from error
        policy = memory.get("maxmemory_policy", "noeviction")
        if int(memory.get("maxmemory", 0)) and policy != "noeviction":
            raise StorageError(
                f"The broker forgets what it holds when its memory is full (maxmemory-policy {policy}), so it cannot "
                "be the storage: set maxmemory-policy noeviction.",
                permanent=True,
            )
        self._checked = True

    @contextmanager
    def _explained(self, key: str, verb: str) -> Iterator[None]:
        what = f"Cannot {verb} {key or 'it'} in storage {self.url}"
        try:
            yield
        except redis.OutOfMemoryError as error:
            raise StorageError(
                f"{what}: the broker's memory is full; raise its maxmemory, or give a folder or s3://bucket with "
                "--storage.",
                permanent=True,
            ) from error
        except redis.exceptions.NoPermissionError as error:
            raise StorageError(
                with_full_stop(f"{what}: the broker does not allow it: {error}"), permanent=True
            ) from error
        except redis.RedisError as error:
            raise StorageError(with_full_stop(f"{what}: {error}")) from error
