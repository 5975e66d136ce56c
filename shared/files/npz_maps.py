"""Arrays of an `.npz` that are too large for memory: mapped where they lie uncompressed, or unpacked to the disk."""

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.files.arrays import npz_outlines, npz_rows, read_npz
from deepchord.shared.files.memory_maps import LARGE_BYTES, map_array, new_array, pieces
from deepchord.shared.files.npz_headers import read_header, reason_of

#: The part of a zip's local header that has a fixed length; the lengths of name and extra field are its last numbers.
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x1
_READ_BYTES = 2**23


def read_large_npz(
    path: Path, source: str, required: tuple[str, ...], memory_bytes: int = LARGE_BYTES
) -> dict[str, NDArray[Any]]:
    """Return the named arrays of an `.npz`, as `read_npz` does; if all of them are large, each is a memory map.

    Args:
        path: The file; it must stay as it is as long as its arrays are used.
        source: The name of the file in errors.
        required: The names of the arrays.
        memory_bytes: Arrays of more bytes, all together, are large.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: See `read_npz` and `new_array`.
    """
    outlines = npz_outlines(path, source, required, in_pieces=True)
    if sum(outline.nbytes for outline in outlines.values()) <= memory_bytes:
        return read_npz(path, source, required)
    return {name: _mapped(path, source, name, outline) for name, outline in outlines.items()}


def _mapped(path: Path, source: str, name: str, outline: NDArray[Any]) -> NDArray[Any]:
    if outline.size == 0:
        return np.empty(outline.shape, outline.dtype)
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            if member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & _ENCRYPTED:
                return _in_place(path, archive, member)
    except (OSError, ValueError, zipfile.BadZipFile, struct.error, EOFError) as error:
        raise DatasetError(f"{source}: {name} is damaged: {reason_of(error)}.") from error
    return _unpacked(path, source, name, outline)


def _in_place(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return an uncompressed array where it lies, after its checksum was compared."""
    with archive.open(member) as file:
        shape, fortran_order, dtype = read_header(file)
        header_bytes = file.tell()
        while file.read(_READ_BYTES):  # the archive raises BadZipFile at its end if the checksum is wrong
            pass
    with path.open("rb") as whole:
        whole.seek(member.header_offset)
        *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(whole.read(_LOCAL_HEADER.size))
    offset = member.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes + header_bytes
    return map_array(path, dtype, shape, offset, "F" if fortran_order else "C")


def _unpacked(path: Path, source: str, name: str, outline: NDArray[Any]) -> NDArray[Any]:
    """Return an array unpacked into a temporary file."""
    found = new_array(outline.shape, outline.dtype, f"{source}: {name}", memory_bytes=0)
    parts = pieces(found)
    rows = npz_rows(path, source, name, parts[0].stop)
    for part, values in zip(parts, rows, strict=True):
        found[part] = values
    return found
