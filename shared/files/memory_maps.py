"""Arrays that lie in files instead of in memory: memory maps, of which the system reads and forgets pages as it likes.

A map is a plain array, so that whoever indexes or slices arrays need not know; what would copy all of one at once goes
through `in_pieces`, `rows_of` or `new_array`. The system is told in which order a map is read, which decides how much
it reads ahead; where it cannot be told, reading is only slower.
"""

import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from deepchord.shared.errors import DatasetError

#: Arrays of more bytes than this are read from their files as they are needed.
LARGE_BYTES = 256 * 2**20
#: About so many bytes of an array are changed or copied at a time.
_PIECE_BYTES = 32 * 2**20


def map_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int, order: str = "C") -> NDArray[Any]:
    """Return an array that lies in a file, read-only.

    Args:
        path: The file; it must stay as it is as long as the array is used.
        dtype: The type of the values, not of Python objects.
        shape: Its shape; the array has at least one value.
        offset: Where the values begin, in bytes.
        order: `C`, or `F` if the first axis runs fastest.

    Raises:
        OSError: The file cannot be read, or mapped.
        ValueError: The file is too short.
    """
    return np.asarray(np.memmap(path, dtype, "r", offset, shape, order=order))  # type: ignore[call-overload]  # order is a text


def is_mapped(array: NDArray[Any]) -> bool:
    """Return whether an array, or what it is a view of, is a memory map."""
    return _mapping(array) is not None


def new_array(shape: tuple[int, ...], dtype: DTypeLike, source: str, memory_bytes: int = LARGE_BYTES) -> NDArray[Any]:
    """Return an array of zeros: in memory, or if it is larger, in a temporary file that has no name and ends with it.

    Args:
        shape: Its shape.
        dtype: The type of its values.
        source: What it is made of, for errors.
        memory_bytes: The most that is kept in memory.

    Raises:
        DatasetError: The disk for temporary files has too little room.
    """
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if needed <= memory_bytes:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="deepchord-") as file:
            _reserve(file.fileno(), needed)
            return np.asarray(np.memmap(file, np.dtype(dtype), "r+", 0, shape))
    except OSError as error:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        raise DatasetError(
            f"{source} takes {needed / 2**30:,.1f} GiB of temporary files, and {free / 2**30:,.1f} GiB are free in "
            f"{folder}: name a folder on a larger disk with TMPDIR."
        ) from error


def in_pieces(
    array: NDArray[Any], dtype: DTypeLike, change: Callable[[NDArray[Any]], NDArray[Any]], source: str
) -> NDArray[Any]:
    """Return what a change makes of an array, whose first axis stays; a map becomes another map, C-contiguous.

    Args:
        array: [size, …].
        dtype: The type that the change returns. A C-contiguous map of this type is returned as it is.
        change: Takes some of the array, and returns as much of the same shape.
        source: What the array is called in errors.

    Raises:
        DatasetError: See `new_array`.
    """
    if not is_mapped(array):
        return change(array)
    if array.dtype == dtype and array.flags.c_contiguous:
        return array
    changed = new_array(array.shape, dtype, source, memory_bytes=0)
    for part in pieces(array):
        changed[part] = change(array[part])
    return changed


def rows_of(array: NDArray[Any], chosen: NDArray[np.bool_], source: str) -> NDArray[Any]:
    """Return the chosen rows of an array: a copy in memory, or of a map another map.

    Args:
        array: [size, …].
        chosen: [size].
        source: What the array is called in errors.

    Raises:
        DatasetError: See `new_array`.
    """
    if not is_mapped(array):
        return np.asarray(array[chosen])
    places = np.flatnonzero(chosen)
    if len(places) == 0:
        return np.empty((0, *array.shape[1:]), array.dtype)
    found = new_array((len(places), *array.shape[1:]), array.dtype, source, memory_bytes=0)
    for part in pieces(found):
        found[part] = array[places[part]]
    return found


def pieces(array: NDArray[Any]) -> list[slice]:
    """Return the slices of the first axis in which a large array is looked at, each of some megabytes."""
    rows = max(1, _PIECE_BYTES // max(1, math.prod(array.shape[1:]) * array.itemsize))
    return [slice(start, start + rows) for start in range(0, len(array), rows)]


def read_at_random(array: NDArray[Any]) -> None:
    """Tell the system that rows of a map will be read in any order, so that it reads no neighbours with them."""
    _advise(array, "MADV_RANDOM")


def read_in_order(array: NDArray[Any]) -> None:
    """Tell the system that a map will be read from its beginning to its end, so that it reads ahead."""
    _advise(array, "MADV_NORMAL")


def will_read(array: NDArray[Any], rows: NDArray[np.int64]) -> None:
    """Let the system begin to read rows of a map, all at once, without waiting for them.

    Args:
        array: [size, …], C-contiguous; nothing is done unless it is a map.
        rows: Which rows.
    """
    mapping = _mapping(array)
    if mapping is None or not hasattr(mmap, "MADV_WILLNEED"):
        return
    first, step = _place(array, mapping), array.strides[0]
    for row in rows.tolist():
        start = first + row * step
        begin = start - start % mmap.PAGESIZE
        mapping.madvise(mmap.MADV_WILLNEED, begin, start + step - begin)


def _mapping(array: NDArray[Any]) -> mmap.mmap | None:
    found: Any = array
    while isinstance(found, np.ndarray):
        found = found.base
    return found if isinstance(found, mmap.mmap) else None


def _place(array: NDArray[Any], mapping: mmap.mmap) -> int:
    """Return where an array begins in its map, in bytes."""
    beginning = np.frombuffer(mapping, np.uint8, 1)
    return int(array.__array_interface__["data"][0] - beginning.__array_interface__["data"][0])


def _advise(array: NDArray[Any], advice: str) -> None:
    mapping = _mapping(array)
    if mapping is not None and hasattr(mmap, advice):
        mapping.madvise(getattr(mmap, advice))


def _reserve(descriptor: int, size: int) -> None:
    """Give a new file its size and its room on the disk: a map of a file without room ends the process when written."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    elif shutil.disk_usage(tempfile.gettempdir()).free < size:
        raise OSError("too little room")
    else:
        os.truncate(descriptor, size)
