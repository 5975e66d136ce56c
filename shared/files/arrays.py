"""Reads and writes `.npy` and `.npz` files of plain arrays; reading them never executes code."""

import io
import lzma
import math
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.files.npz_headers import array_outline, check_memory, check_names, read_header, reason_of
from deepchord.shared.files.recognition import BROKEN_ZIP, TEXT, describe_kind, kind_of, kind_of_content
from deepchord.shared.files.regular_files import check_regular

#: A fixed date and system, so that equal arrays give equal bytes at any time and on any host.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3

#: The errors that zipfile and NumPy raise for damaged files.
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
            portable = _portable(array)
            # Only whether it exceeds 2 GiB matters. `force_zip64` writes other bytes before Python 3.11.4.
            member.file_size = portable.nbytes
            with archive.open(member, "w") as file:
                _write_array(file, portable)
    return buffer.getvalue()


def read_npz(
    file: Path | io.BytesIO, source: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Return the named arrays of an `.npz`; other arrays are not read.

    Args:
        file: The path, or the bytes as an open file.
        source: The name of the file in errors.
        required: The names of arrays that must be there.
        optional: The names of arrays that are returned if they are there.

    Raises:
        FileNotFoundError: There is no such file.
        MissingArraysError: A required array is missing.
        DatasetError: The file cannot be read, is not an `.npz`, is damaged, holds pickled objects, or needs more memory
            than is free.
    """
    with _opened(file, source) as archive:
        outlines = _outlines(archive, source, required, optional, _bytes_in_memory(file))
        return {name: _read_member(archive, name, source) for name in outlines}


def npz_outlines(
    file: Path | io.BytesIO,
    source: str,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    *,
    in_pieces: bool = False,
) -> dict[str, NDArray[Any]]:
    """Return arrays with the shapes and types that `read_npz` would return; nothing is unpacked.

    Their values are zeros, which take no memory. Arrays that are read in pieces, by `npz_rows`, may be larger than the
    free memory. For other arguments and errors see `read_npz`.
    """
    with _opened(file, source) as archive:
        return _outlines(archive, source, required, optional, sys.maxsize if in_pieces else _bytes_in_memory(file))


def npz_rows(file: Path | io.BytesIO, source: str, name: str, rows: int) -> Iterator[NDArray[Any]]:
    """Yield an array of an `.npz` in pieces of so many rows; one piece is in memory at a time.

    An array whose first axis runs fastest (Fortran's order) is read as a whole.

    Args:
        file: The path, or the bytes as an open file.
        source: The name of the file in errors.
        name: The name of the array.
        rows: How many rows a piece has; the last one has what is left.

    Raises:
        DatasetError: As `read_npz`, when the piece comes that is damaged.
    """
    with _opened(file, source) as archive:
        outline = _outlines(archive, source, (name,), (), sys.maxsize)[name]
        with archive.open(f"{name}.npy") as member:
            _, fortran_order, dtype = read_header(member)
            if fortran_order or not outline.ndim:
                whole = _read_member(archive, name, source)
                yield from (whole[start : start + rows] for start in range(0, len(whole), rows))
                return
            for start in range(0, len(outline), rows):
                shape = (min(rows, len(outline) - start), *outline.shape[1:])
                yield _explained(name, source, partial(_read_piece, member, shape, dtype))


def write_npy(array: NDArray[Any]) -> bytes:
    """Return the array as an `.npy`; equal arrays give equal bytes.

    Args:
        array: An array of numbers or of strings, any shape.

    Raises:
        ValueError: It holds Python objects.
    """
    buffer = io.BytesIO()
    _write_array(buffer, _portable(array))
    return buffer.getvalue()


def read_npy(data: bytes, source: str) -> NDArray[Any]:
    """Return the array of an `.npy`.

    Args:
        data: The bytes of the file.
        source: The name of the file in errors.

    Raises:
        DatasetError: The file is not an `.npy`, is damaged, or holds pickled objects.
    """

    def read() -> NDArray[Any]:
        file = io.BytesIO(data)
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        if file.tell() < len(data):
            raise ValueError("more follows behind its array")
        return array

    return _explained("its array", source, read)


def _portable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in little-endian byte order, so that all hosts write the same bytes."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _write_array(file: IO[bytes], array: NDArray[Any]) -> None:
    np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


@contextmanager
def _opened(file: Path | io.BytesIO, source: str) -> Iterator[zipfile.ZipFile]:
    try:
        if isinstance(file, Path):
            check_regular(file)
        with zipfile.ZipFile(file) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise DatasetError(
            f"{source} is no .npz file (a zip archive of arrays){_what_instead(file, error)}."
        ) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror or error}.") from error
    except _DAMAGED as error:
        raise DatasetError(f"{source} is damaged: {reason_of(error)}.") from error


def _bytes_in_memory(file: Path | io.BytesIO) -> int:
    """Return how many bytes of a file are in memory already; arrays that need no more are not checked."""
    return 0 if isinstance(file, Path) else file.getbuffer().nbytes


def _outlines(
    archive: zipfile.ZipFile, source: str, required: tuple[str, ...], optional: tuple[str, ...], in_memory: int
) -> dict[str, NDArray[Any]]:
    available = check_names(archive, source, required)
    wanted = [name for name in (*required, *optional) if name in available]
    outlines = {name: _explained(name, source, partial(array_outline, archive, name)) for name in wanted}
    needed = sum(outline.nbytes for outline in outlines.values())
    if needed > in_memory:
        check_memory(needed, source)
    return outlines


def _what_instead(file: Path | io.BytesIO, error: zipfile.BadZipFile) -> str:
    """Return the rest of a sentence that says what a file is instead of an `.npz`."""
    kind = kind_of(file) if isinstance(file, Path) else kind_of_content(file)
    return f", or was cut off: {error}" if kind in (None, BROKEN_ZIP, TEXT) else f": {describe_kind(kind)}"


def _read_member(archive: zipfile.ZipFile, name: str, source: str) -> NDArray[Any]:
    def read() -> NDArray[Any]:
        with archive.open(f"{name}.npy") as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array

    return _explained(name, source, read)


def _read_piece(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too early")
    return np.frombuffer(data, dtype).reshape(shape)


def _explained(name: str, source: str, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    try:
        return read()
    except KeyError as error:
        raise DatasetError(f"{source}: {name} is no .npy array; write the file with numpy.savez.") from error
    except _DAMAGED as error:
        if "allow_pickle" in str(error):
            raise DatasetError(
                f"{source}: {name} holds pickled Python objects, which deepchord never reads; save plain numbers, and "
                "names as numpy.array(names, dtype=str)."
            ) from error
        raise DatasetError(f"{source}: {name} is damaged: {reason_of(error)}.") from error
