"""The arrays of a data set in shards on this host: fetched once into the cache, then memory maps for all its processes.

Each array is one `.npy` file. While it is fetched its shards are written to their places in it, and what a process that
was killed had written is kept if it has the right SHA-256. A note beside the file says that all of it was verified, and
how the file looked then; if it was changed since, it is verified again, and what is damaged is fetched again.
"""

import hashlib
import io
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import CorruptObjectError, StorageError
from deepchord.shared.files import map_array, read_npy, waiting_lock, write_npy
from deepchord.shared.messages import DatasetManifest, ShardedArray
from deepchord.shared.storage import ShardStore

logger = logging.getLogger(__name__)


class LocalArrays:
    """The arrays of one data set in this host's cache."""

    def __init__(self, sha256: str, store: ShardStore, cache: Path, advance: Callable[[], None]) -> None:
        """Take where things are; nothing is fetched yet.

        Args:
            sha256: The SHA-256 of the manifest.
            store: Where the shards are published.
            cache: The folder of the cache; the arrays are in a folder below its folder `datasets`.
            advance: Called after each shard, and while another process fetches; may raise.
        """
        self._sha256, self._store, self._advance = sha256, store, advance
        self._folder = cache / "datasets" / sha256

    def manifest(self) -> DatasetManifest:
        """Return the manifest, from the cache or else from storage.

        Raises:
            StorageError: Storage cannot be reached, or the manifest is missing or damaged there; or the cache cannot be
                written.
            MessageDecodeError: It is none.
        """
        path = self._folder / "manifest.json"
        try:
            data = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(data).hexdigest() != self._sha256:
                data = self._store.manifest(self._sha256)
                self._folder.mkdir(parents=True, exist_ok=True)
                _replace(path, data)
        except OSError as error:
            raise self._unwritable(error) from error
        return DatasetManifest.decode(data, f"The manifest of data set {self._sha256[:12]}…")

    def array(self, described: ShardedArray) -> NDArray[Any]:
        """Return an array of the manifest as a memory map, fetched if need be.

        Raises:
            StorageError: Storage cannot be reached; a shard is missing or damaged there, which the error names; or the
                cache has too little room, or cannot be written.
        """
        path, note = self._folder / f"{described.name}.npy", self._folder / f"{described.name}.verified"
        try:
            with waiting_lock(self._folder / f"{described.name}.lock", self._advance):
                if _looks(path) is None or _looks(path) != _text(note):
                    self._fetch(described, path)
                    _replace(note, (_looks(path) or "").encode())
            return map_array(path, np.dtype(described.dtype), described.shape, len(_header(described)))
        except OSError as error:
            raise self._unwritable(error) from error

    def _fetch(self, described: ShardedArray, path: Path) -> None:
        """Write an array's file, except for what is there already."""
        header = _header(described)
        is_new = not path.exists()
        with path.open("w+b" if is_new else "r+b") as file:
            self._check_room(described, file)
            file.write(header)
            file.truncate(len(header) + described.bytes)
            kept = 0
            for sha256, first, end in described.rows():
                place = len(header) + first * described.row_bytes
                if not is_new and _holds(file, place, described, end - first, sha256):
                    kept += 1
                else:
                    part = self._shard(described, sha256, end - first)
                    file.seek(place)
                    file.write(part.data)
                self._advance()
            file.flush()
            os.fsync(file.fileno())
        if kept:
            logger.info("%s: %d of %d shards were there already.", path, kept, len(described.shards))

    def _shard(self, described: ShardedArray, sha256: str, rows: int) -> NDArray[Any]:
        """Return the values of a shard from storage."""
        name = f"Shard {sha256[:12]}… of {described.name}"
        part = read_npy(self._store.shard(sha256), name)
        expected = (np.dtype(described.dtype), (rows, *described.shape[1:]))
        if (part.dtype, part.shape) != expected:
            raise CorruptObjectError(
                f"{name} of data set {self._sha256[:12]}… holds {part.dtype} {list(part.shape)}, expected "
                f"{expected[0]} {list(expected[1])} by its manifest: publish the data set anew."
            )
        return np.ascontiguousarray(part)

    def _check_room(self, described: ShardedArray, file: IO[bytes]) -> None:
        """Raise `StorageError` before anything is fetched if it would not fit."""
        there = getattr(os.fstat(file.fileno()), "st_blocks", 0) * 512
        free = shutil.disk_usage(self._folder).free
        if described.bytes - there > free:
            raise StorageError(
                f"Data set {self._sha256[:12]}… takes {described.bytes / 2**30:,.1f} GiB in the cache {self._folder}, "
                f"and {free / 2**30:,.1f} GiB are free there: free some space, or name a folder on a larger disk with "
                "DEEPCHORD_CACHE.",
                permanent=True,
            )

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"Data set {self._sha256[:12]}… is too large for memory and cannot be kept in the cache {self._folder} "
            f"({error.strerror or error}): correct that, or name another folder with DEEPCHORD_CACHE.",
            permanent=True,
        )


def _header(described: ShardedArray) -> bytes:
    """Return what an `.npy` file of an array begins with."""
    file = io.BytesIO()
    layout = {"descr": described.dtype, "fortran_order": False, "shape": described.shape}
    np.lib.format.write_array_header_1_0(file, layout)
    return file.getvalue()


def _holds(file: IO[bytes], place: int, described: ShardedArray, rows: int, sha256: str) -> bool:
    """Return whether a file has the values of a shard at a place."""
    file.seek(place)
    data = file.read(rows * described.row_bytes)
    if len(data) < rows * described.row_bytes:
        return False
    values = np.frombuffer(data, described.dtype).reshape(rows, *described.shape[1:])
    return hashlib.sha256(write_npy(values)).hexdigest() == sha256


def _looks(path: Path) -> str | None:
    """Return what of a file changes whenever it is written; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _replace(path: Path, data: bytes) -> None:
    """Write a small file aside and rename it."""
    aside = path.with_name(f".writing-{secrets.token_hex(4)}-{path.name}")
    aside.write_bytes(data)
    aside.replace(path)
