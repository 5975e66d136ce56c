"""Files of plain number arrays, `.npy`, `.npz` and IDX: whatever they hold, reading them executes no code."""

import gzip
import io
import lzma
import math
import struct
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
from deepchord.shared.files.kinds import BROKEN_ZIP, TEXT, describe_kind, kind_of, kind_of_content
from deepchord.shared.files.npz_headers import array_outline, check_memory, check_names
from deepchord.shared.files.regular_files import check_regular

#: The same arrays give the same bytes: no clock, no host, no compression library has a say in them.
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3

#: The format knows 255; images have at most four.
_MOST_AXES = 8

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
            # Roughly; only whether it is beyond 2 GiB matters. `force_zip64` writes other bytes before Python 3.11.4.
            member.file_size = portable.nbytes
            with archive.open(member, "w") as file:
                _write_array(file, portable)
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
        DatasetError: The file cannot be read, is no `.npz`, is damaged, holds pickled objects, or needs more memory
            than there is.
    """
    with _opened(file, source) as archive:
        outlines = _outlines(archive, source, required, optional, _held(file))
        return {name: _read_member(archive, name, source) for name in outlines}


def npz_outlines(
    file: Path | io.BytesIO, source: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Return arrays of the shapes and types of those that `read_npz` would return; nothing is unpacked.

    Their values are zeros that take no memory. For arguments and errors see `read_npz`.
    """
    with _opened(file, source) as archive:
        return _outlines(archive, source, required, optional, _held(file))


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
        source: What the errors call the file.

    Raises:
        DatasetError: The file is no `.npy`, is damaged or holds pickled objects.
    """

    def read() -> NDArray[Any]:
        file = io.BytesIO(data)
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        if file.tell() < len(data):
            raise ValueError("more follows behind its array")
        return array

    return _explained("its array", source, read)


def _portable(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array little-endian, as it is on nearly every host, so that the others write the same bytes."""
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
        raise DatasetError(f"{source} is no .npz file (a zip archive of arrays){_why_none(file, error)}.") from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror or error}.") from error
    except _DAMAGED as error:
        raise DatasetError(f"{source} is damaged: {error}.") from error


def _held(file: Path | io.BytesIO) -> int:
    """Return how many bytes of a file are in memory already: what takes no more of it is no surprise."""
    return 0 if isinstance(file, Path) else file.getbuffer().nbytes


def _outlines(
    archive: zipfile.ZipFile, source: str, required: tuple[str, ...], optional: tuple[str, ...], held: int
) -> dict[str, NDArray[Any]]:
    found = check_names(archive, source, required)
    wanted = [name for name in (*required, *optional) if name in found]
    outlines = {name: _explained(name, source, partial(array_outline, archive, name)) for name in wanted}
    needed = sum(outline.nbytes for outline in outlines.values())
    if needed > held:
        check_memory(needed, source)
    return outlines


def _why_none(file: Path | io.BytesIO, error: zipfile.BadZipFile) -> str:
    """Return what a file is instead, as the rest of a sentence."""
    kind = kind_of(file) if isinstance(file, Path) else kind_of_content(file)
    return f", or was cut off: {error}" if kind in (None, BROKEN_ZIP, TEXT) else f": {describe_kind(kind)}"


def _read_member(archive: zipfile.ZipFile, name: str, source: str) -> NDArray[Any]:
    def read() -> NDArray[Any]:
        with archive.open(f"{name}.npy") as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array

    return _explained(name, source, read)


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
        check_regular(found)
        with found.open("rb") as plain, gzip.GzipFile(fileobj=plain) as unpacked:
            return _read_idx(plain if found == path else unpacked, found)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, MemoryError, ValueError, zlib.error) as error:
        raise DatasetError(f"{found} cannot be read or is damaged: {error}.") from error


def _read_idx(file: IO[bytes] | gzip.GzipFile, path: Path) -> NDArray[np.uint8]:
    """Read what the header tells of, and a byte more to see that nothing follows: a few bytes unpack to anything."""
    start = file.read(4)
    axes = start[3] if len(start) == 4 and start[:3] == b"\0\0\x08" else _MOST_AXES + 1
    if axes > _MOST_AXES or len(lengths := file.read(4 * axes)) < 4 * axes:
        raise DatasetError(f"{path} is no IDX file of unsigned bytes.")
    shape = struct.unpack(f">{axes}I", lengths)
    size = math.prod(shape)
    check_memory(size, str(path))
    content = file.read(size + 1)
    if len(content) > size:
        raise DatasetError(f"{path} holds more than the {size} values that its header tells of.")
    if len(content) < size:
        raise DatasetError(f"{path} was cut off: expected {size} values, found {len(content)}.")
    return np.frombuffer(content, np.uint8).reshape(shape)
