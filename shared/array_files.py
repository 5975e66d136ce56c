"""Files of plain number arrays, `.npz` and IDX: whatever they hold, reading them executes no code."""

import gzip
import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DatasetError
from shared.file_kinds import BROKEN_ZIP, TEXT, kind_of, kind_of_content, told

#: The same arrays give the same bytes: no clock, no host, no compression library has a say in them.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3

#: Everything that zipfile and NumPy raise over bytes that are not what they should be.
_DAMAGED = (
    ValueError,
    TypeError,
    EOFError,
    OSError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
)


class MissingArraysError(DatasetError):
    """An `.npz` lacks arrays that must be there."""

    def __init__(self, message: str, missing: Sequence[str]) -> None:
        """Take the message, and the names of the arrays."""
        super().__init__(message)
        self.missing = tuple(missing)


def write_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return an uncompressed `.npz` of the arrays, in their order; equal arrays give equal bytes.

    Args:
        arrays: Arrays of numbers or of strings, any shape.

    Raises:
        ValueError: An array holds Python objects.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _FIXED_DATE)
            member.create_system = _UNIX
            # Little-endian, as on nearly every host, so that the others write the same bytes.
            portable = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
            # Roughly; only whether it is beyond 2 GiB matters. `force_zip64` writes other bytes before Python 3.11.4.
            member.file_size = portable.nbytes
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, portable, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def read_npz(
    file: Path | io.BytesIO, source: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Return the named arrays of an `.npz`; others are not even looked at.

    Args:
        file: A path, or the bytes as a file.
        source: What the errors call the file.
        required: Arrays that must be there.
        optional: Arrays that are returned if they are there.

    Raises:
        FileNotFoundError: The file is not there.
        MissingArraysError: An array is not there.
        DatasetError: The file cannot be read, is no `.npz`, is damaged, or holds pickled objects.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [name for name in required if name not in found]
            if missing:
                raise MissingArraysError(
                    f"{source} lacks {', '.join(missing)}: expected the arrays {', '.join(required)}, "
                    f"found {', '.join(found) or 'none'}.",
                    missing,
                )
            wanted = [name for name in (*required, *optional) if name in found]
            return {name: _read_member(archive, name, source) for name in wanted}
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{source} is no .npz file (a zip archive of arrays), {_why_none(file, error)}.") from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror or error}.") from error
    except _DAMAGED as error:
        raise DatasetError(f"{source} is damaged: {error}.") from error


def _why_none(file: Path | io.BytesIO, error: zipfile.BadZipFile) -> str:
    """Return what a file is instead, as a clause."""
    kind = kind_of(file) if isinstance(file, Path) else kind_of_content(file)
    return f"or was cut off: {error}" if kind in (None, BROKEN_ZIP, TEXT) else told(kind)


def _read_member(archive: zipfile.ZipFile, name: str, source: str) -> NDArray[Any]:
    try:
        with archive.open(f"{name}.npy") as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except KeyError as error:
        raise DatasetError(f"{source}: {name} is no .npy array; write the file with numpy.savez.") from error
    except _DAMAGED as error:
        if "allow_pickle" in str(error):
            raise DatasetError(
                f"{source}: {name} holds pickled Python objects, which deepchord never reads; save plain numbers."
            ) from error
        raise DatasetError(f"{source}: {name} is damaged: {error}.") from error


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes, the format of MNIST; `path` or `path.gz`, whichever is there.

    Returns:
        The array in the shape that the file's header states; read-only.

    Raises:
        FileNotFoundError: Neither file is there.
        DatasetError: The file cannot be read, is damaged or no IDX file of unsigned bytes.
    """
    found = path if path.is_file() else path.with_name(f"{path.name}.gz")
    try:
        content = found.read_bytes() if found == path else gzip.decompress(found.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{found} cannot be read or is damaged: {error}.") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < (start := 4 + 4 * content[3]):
        raise DatasetError(f"{found} is no IDX file of unsigned bytes.")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DatasetError(f"{found} was cut off: expected {math.prod(shape)} values, found {len(content) - start}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
