"""Checks the headers of an `.npz` before anything is unpacked: names, sizes, and the memory that the arrays need."""

import math
import zipfile
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from typing import IO, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from deepchord.shared.command_line import label
from deepchord.shared.errors import DatasetError

_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    # Version 3 differs only in the names of fields, and plain arrays have no fields.
    (3, 0): np.lib.format.read_array_header_2_0,
}
#: The most arrays that are allowed; a data set has five, and files of users have some more.
_MAX_ARRAYS = 1000


class MissingArraysError(DatasetError):
    """An `.npz` lacks required arrays."""

    def __init__(self, message: str, missing: Sequence[str]) -> None:
        """Take the message and the names of the missing arrays."""
        super().__init__(message)
        self.missing = tuple(missing)


def check_names(archive: zipfile.ZipFile, source: str, required: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the arrays in an archive.

    Raises:
        MissingArraysError: A required array is missing.
        DatasetError: An array is there twice, or there are too many.
    """
    counts = Counter(name.removesuffix(".npy") for name in archive.namelist())
    missing = [name for name in required if name not in counts]
    if missing:
        raise MissingArraysError(
            f"{source} lacks {', '.join(missing)}: expected the arrays {', '.join(required)}, found {_listed(counts)}.",
            missing,
        )
    if counts.total() > _MAX_ARRAYS:
        raise DatasetError(
            f"{source} holds {counts.total():,} arrays, expected at most {_MAX_ARRAYS:,}: save those of the data set "
            "alone with numpy.savez."
        )
    twice = [name for name, times in counts.items() if times > 1]
    if twice:
        raise DatasetError(f"{source} holds {_listed(twice)} twice; write the file anew with numpy.savez.")
    return frozenset(counts)


def array_outline(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Return an array with the shape and type of an array in an archive; its values are zeros that take no memory.

    Raises:
        KeyError: There is no such array.
        ValueError: The header is damaged, describes pickled objects, or states another size than the archive.
    """
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        shape, _, dtype = read_header(file)
        stated, there = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if any(length < 0 for length in shape) or stated != there:
        raise ValueError(f"its header tells of {stated} bytes {list(shape)}, and {there} are there")
    return np.broadcast_to(np.zeros((), dtype), shape)


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape of an `.npy`, whether its first axis runs fastest, and its type; read up to its values.

    Raises:
        ValueError: The header is damaged, or describes pickled objects.
    """
    version = np.lib.format.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"its format is {version}, which is not known")
    shape, fortran_order, dtype = _READERS[version](file)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    return shape, fortran_order, dtype


def check_memory(needed: int, source: str) -> None:
    """Raise `DatasetError` if arrays of this many bytes need more memory than is free on this machine."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise DatasetError(
            f"{source} takes {needed / 2**30:,.1f} GiB when it is unpacked, and {free / 2**30:,.1f} GiB of memory are "
            "free here: make the data set smaller, or start from a machine with more memory."
        )


def _listed(names: Collection[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(map(_shown, islice(names, most))) or "none") + more


def _shown(name: str, most: int = 60) -> str:
    """Return a name from a file in a printable form of limited length."""
    shown = label(name)
    return shown if len(shown) <= most else f"{shown[:most]}…"


def reason_of(error: BaseException) -> str:
    """Return what a library says of a damaged file, which it may quote, in a printable form of limited length."""
    return label(str(error))[:200].rstrip(" .")
