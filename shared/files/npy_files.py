"""Reads an array from an `.npy` file; its header is checked before anything is read."""

import math
import struct
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.files.memory_maps import LARGE_BYTES, map_array
from deepchord.shared.files.npz_headers import check_memory, read_header
from deepchord.shared.files.recognition import NPY, describe_kind, kind_of
from deepchord.shared.files.regular_files import check_regular

_DAMAGED = (
    ValueError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
)


def read_npy_file(path: Path, source: str, memory_bytes: int = LARGE_BYTES) -> NDArray[Any]:
    """Return the array of an `.npy` file.

    Args:
        path: The file.
        source: Its name in errors.
        memory_bytes: A larger array is mapped, not read: the file must then stay as it is.

    Raises:
        DatasetError: It cannot be read, is damaged, or holds pickled objects.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            shape, fortran_order, dtype = read_header(file)
            stated, there = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
            if any(length < 0 for length in shape) or stated != there:
                raise ValueError(f"its header tells of {stated} bytes {list(shape)}, and {there} are there")
            if stated > memory_bytes:
                return map_array(path, dtype, shape, file.tell(), "F" if fortran_order else "C")
            check_memory(stated, source)
            file.seek(0)
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror or error}.") from error
    except _DAMAGED as error:
        if "allow_pickle" in str(error):
            raise DatasetError(f"{source} holds pickled Python objects, which deepchord never reads.") from error
        kind = kind_of(path)
        reason = error if kind in (None, NPY) else describe_kind(kind)
        raise DatasetError(f"{source} is no .npy file that can be read: {reason}.") from error
