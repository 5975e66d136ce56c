"""Reads IDX files, the format of MNIST; their headers are checked before anything is unpacked."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.files.npz_headers import check_memory
from deepchord.shared.files.regular_files import check_regular

#: The format allows 255 axes; images have at most four.
_MAX_AXES = 8


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes: `path`, or `path.gz` if there is no such file.

    Returns:
        The array in the shape of the file's header; read-only.

    Raises:
        FileNotFoundError: Neither file is there.
        DatasetError: The file cannot be read, is damaged, or is not an IDX file of unsigned bytes.
    """
    existing = path if path.is_file() else path.with_name(f"{path.name}.gz")
    try:
        check_regular(existing)
        with existing.open("rb") as plain, gzip.GzipFile(fileobj=plain) as unpacked:
            return _read_idx(plain if existing == path else unpacked, existing)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, MemoryError, ValueError, zlib.error) as error:
        raise DatasetError(f"{existing} cannot be read or is damaged: {error}.") from error


def _read_idx(file: IO[bytes] | gzip.GzipFile, path: Path) -> NDArray[np.uint8]:
    """Return the array of an open file; at most one byte more than the header promises is unpacked."""
    start = file.read(4)
    axes = start[3] if len(start) == 4 and start[:3] == b"\0\0\x08" else _MAX_AXES + 1
    if axes > _MAX_AXES or len(lengths := file.read(4 * axes)) < 4 * axes:
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
