"""Looks at the elements of a MATLAB file before SciPy reads them, which takes the types in their tags unchecked.

A type that there is not ends the process. The layout is that of "MAT-File Format", The MathWorks, chapter 1.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from deepchord.shared.errors import DatasetError

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_INT8, _INT32, _UINT32 = 1, 5, 6
#: How many bytes a number of each type takes.
_ITEM_BYTES = {_INT8: 1, 2: 1, 3: 2, 4: 2, _INT32: 4, _UINT32: 4, 7: 4, 9: 8, 12: 8, 13: 8}
#: The classes of arrays of numbers, and the bit of those of complex ones.
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 1 << 11
#: What is before the numbers of an array takes a few hundred bytes.
_HEAD_BYTES = 4096
_MOST_ARRAYS = 10_000


def check_matlab_elements(path: Path, source: str) -> None:
    """Raise `DatasetError` unless the arrays in a file are as MATLAB writes them, each with a name of its own.

    Args:
        path: The file; one of MATLAB 4 is not looked at, for it has no tags.
        source: What it is called in errors.

    Raises:
        OSError: It cannot be read.
    """
    names = set()
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if 0 in header[:4]:
            return
        order = "<" if header[126:128] == b"IM" else ">"
        for number, head in enumerate(_heads(file, order, source), 1):
            name = _Head(head, order, source).checked_name()
            if name in names or number > _MOST_ARRAYS:
                raise _damaged(source, "an array is there twice, or there are too many")
            names.add(name)


def _heads(file: BinaryIO, order: str, source: str) -> Iterator[bytes]:
    """Yield the first bytes of each array, unpacked and without its tag."""
    while tag := file.read(8):
        if len(tag) < 8:
            raise _damaged(source, "it was cut off")
        kind, length = struct.unpack(f"{order}II", tag)
        place = file.tell()
        head = file.read(min(length, _HEAD_BYTES))
        if kind == _COMPRESSED:
            try:
                unpacked = zlib.decompressobj().decompress(head, _HEAD_BYTES)
            except zlib.error as error:
                raise _damaged(source, str(error)) from error
            kind, head = struct.unpack(f"{order}I", unpacked[:4].ljust(4, b"\0"))[0], unpacked[8:]
        if kind != _MATRIX:
            raise _damaged(source, f"it has an element of the type {kind}, which is no array")
        yield head
        file.seek(place + length)


class _Head:
    """The elements that an array begins with."""

    def __init__(self, data: bytes, order: str, source: str) -> None:
        self._data, self._order, self._source = data, order, source
        self._place = 0

    def checked_name(self) -> bytes:
        """Return the name of the array, whose elements have the types and lengths that they must have."""
        flags, lengths = self._numbers(_UINT32), self._numbers(_INT32)
        kind, content = self._element()
        if kind != _INT8 or len(flags) != 2 or not 2 <= len(lengths) <= 32 or min(lengths) < 0:
            raise _damaged(self._source, "an array does not begin as arrays do")
        if flags[0] & 0xFF in _NUMERIC_CLASSES:
            kind, length = self._tag()[:2]
            if flags[0] & _COMPLEX or length != _ITEM_BYTES.get(kind, 0) * math.prod(lengths):
                raise _damaged(self._source, "an array has not as many numbers as it says, or they are complex")
        return content

    def _numbers(self, wanted: int) -> tuple[int, ...]:
        kind, content = self._element()
        if kind != wanted or len(content) % 4:
            raise _damaged(self._source, "an array does not begin as arrays do")
        code = "I" if wanted == _UINT32 else "i"
        return struct.unpack(f"{self._order}{len(content) // 4}{code}", content)

    def _element(self) -> tuple[int, bytes]:
        kind, length, begin = self._tag()
        content = self._data[begin : begin + length]
        if len(content) < length:
            raise _damaged(self._source, "an array was cut off")
        # What does not lie in the tag itself ends at a multiple of eight bytes.
        self._place = begin + -(-length // 8) * 8 if begin % 8 == 0 else begin + 4
        return kind, content

    def _tag(self) -> tuple[int, int, int]:
        """Return the type of the next element, its length, and where it begins: up to four bytes lie in the tag."""
        tag = self._data[self._place : self._place + 8]
        if len(tag) < 8:
            raise _damaged(self._source, "an array was cut off")
        first, second = struct.unpack(f"{self._order}II", tag)
        if first >> 16:
            return first & 0xFFFF, min(first >> 16, 4), self._place + 4
        return first, second, self._place + 8


def _damaged(source: str, what: str) -> DatasetError:
    return DatasetError(f"{source} is no MATLAB file that can be read, or is damaged: {what}.")
