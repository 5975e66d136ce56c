"""Checks the global heaps of an HDF5 file, which hold texts of any length: libhdf5 may hang on damaged ones.

A global heap (HDF5 File Format Specification, III.E) is a list of objects, each with its size. libhdf5 1.14 loops
forever over an object of size 0, and trusts the length that a text claims to have.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np

from deepchord.shared.files.recognition import HDF5_SIGNATURE

#: The signature and version of a global heap.
_HEAP = b"GCOL\x01"
_HEAP_HEADER_BYTES = _OBJECT_HEADER_BYTES = 16
#: The place in the superblock with the widths of offsets and lengths, by version.
_WIDTHS_AT = {0: 13, 1: 13, 2: 9, 3: 9}
_CHUNK_BYTES = 2**24
#: The most heaps that are allowed; each holds at least 4 kB of names.
_MAX_HEAPS = 256


def find_damage(file: BinaryIO) -> str | None:
    """Return what is wrong with an HDF5 file, as a clause; None if it is safe to open it.

    Args:
        file: The content of the file; its position changes.
    """
    size = file.seek(0, 2)
    start = _bytes_at(file, 0, 16)
    if not start.startswith(HDF5_SIGNATURE):
        places = (512 << doubled for doubled in range(max(0, size.bit_length() - 9)))
        hidden = any(_bytes_at(file, place, 8) == HDF5_SIGNATURE for place in places)
        return "HDF5 does not begin at its first byte" if hidden else None
    widths_at = _WIDTHS_AT.get(start[8]) if len(start) == 16 else None
    if widths_at is None or start[widths_at : widths_at + 2] != b"\x08\x08":
        return "its first block is none that Keras writes"
    heaps = list(islice(_heaps(file), _MAX_HEAPS + 1))
    is_endless = len(heaps) > _MAX_HEAPS or any(_is_endless(file, at, size) for at in heaps)
    return "a list of texts in it is damaged" if is_endless or _has_too_long_text(file, heaps, size) else None


def _bytes_at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)


def _heaps(file: BinaryIO) -> Iterator[int]:
    """Yield the places where global heaps begin."""
    at, kept = 0, b""
    while chunk := _bytes_at(file, at, _CHUNK_BYTES):
        data = kept + chunk
        place = data.find(_HEAP)
        while place >= 0:
            yield at - len(kept) + place
            place = data.find(_HEAP, place + 1)
        at += len(chunk)
        kept = data[1 - len(_HEAP) :]


def _is_endless(file: BinaryIO, at: int, file_size: int) -> bool:
    """Return whether an object of a heap has size 0 or ends behind the heap, or the heap ends behind the file."""
    (size,) = struct.unpack("<Q", _bytes_at(file, at + 8, 8).ljust(8, b"\0"))
    place, end = at + _HEAP_HEADER_BYTES, at + size
    if end > file_size:
        return True
    while place + _OBJECT_HEADER_BYTES <= end:
        header = _bytes_at(file, place, _OBJECT_HEADER_BYTES)
        if len(header) < _OBJECT_HEADER_BYTES:
            return True
        index, length = struct.unpack("<H6xQ", header)
        # The size of the free-space object includes its header, and is not padded to eight bytes.
        taken = length if index == 0 else _OBJECT_HEADER_BYTES + -(-length // 8) * 8
        if not _OBJECT_HEADER_BYTES <= taken <= end - place:
            return True
        place += taken
    return False


def _has_too_long_text(file: BinaryIO, heaps: list[int], size: int) -> bool:
    """Return whether a reference to a text in a heap claims a length that exceeds the file."""
    at = 0
    while heaps and len(data := _bytes_at(file, at, _CHUNK_BYTES + 8)) >= 16:
        # A reference consists of the length, the place of the heap and the number of the object there. In files of
        # Keras it begins at a multiple of eight.
        words = np.frombuffer(data, "<u8", len(data) // 8 - 1, offset=4)
        for place in 8 * np.flatnonzero(np.isin(words, heaps)):
            length, _, number = struct.unpack("<IQI", data[place : place + 16].ljust(16, b"\0"))
            if length > size and 0 < number < 2**16:
                return True
        at += _CHUNK_BYTES
    return False
