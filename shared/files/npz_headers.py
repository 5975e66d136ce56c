"""What an `.npz` says it holds, read from its headers alone: nothing is unpacked that does not fit or that lies."""

import math
import zipfile
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from deepchord.shared.command_line import label
from deepchord.shared.errors import DatasetError

_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    # Differs by the names of fields only, which plain arrays have none of.
    (3, 0): np.lib.format.read_array_header_2_0,
}


#: A data set has five arrays; files of scientists have others besides.
_MOST_MEMBERS = 1000


class MissingArraysError(DatasetError):
    """An `.npz` lacks arrays that must be there."""

    def __init__(self, message: str, missing: Sequence[str]) -> None:
        """Take the message, and the names of the arrays."""
        super().__init__(message)
        self.missing = tuple(missing)


def check_names(archive: zipfile.ZipFile, source: str, required: tuple[str, ...]) -> frozenset[str]:
    """Return the names of the arrays in an archive.

    Raises:
        MissingArraysError: A required one is missing.
        DatasetError: One is there twice, or there are too many.
    """
    found = Counter(name.removesuffix(".npy") for name in archive.namelist())
    missing = [name for name in required if name not in found]
    if missing:
        raise MissingArraysError(
            f"{source} lacks {', '.join(missing)}: expected the arrays {', '.join(required)}, found {_listed(found)}.",
            missing,
        )
    if found.total() > _MOST_MEMBERS:
        raise DatasetError(
            f"{source} holds {found.total():,} arrays, expected at most {_MOST_MEMBERS:,}: save those of the data set "
            "alone with numpy.savez."
        )
    twice = [name for name, times in found.items() if times > 1]
    if twice:
        raise DatasetError(f"{source} holds {_listed(twice)} twice; write the file anew with numpy.savez.")
    return frozenset(found)


def array_outline(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Return an array of an archive without its values: of its shape and type, without memory of its own.

    Raises:
        KeyError: There is no such array.
        ValueError: The header is damaged, is of pickled objects, or tells of another size than the archive.
    """
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _READERS:
            raise ValueError(f"its format is {version}, which is not known")
        shape, _, dtype = _READERS[version](file)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
        told, there = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if any(length < 0 for length in shape) or told != there:
        raise ValueError(f"its header tells of {told} bytes {list(shape)}, and {there} are there")
    return np.broadcast_to(np.zeros((), dtype), shape)


def check_memory(needed: int, source: str) -> None:
    """Raise `DatasetError` if arrays of so many bytes would take more memory than is free on this machine."""
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
    """Return a name from outside without characters that a terminal obeys, and not too long."""
    shown = label(name)
    return shown if len(shown) <= most else f"{shown[:most]}…"
