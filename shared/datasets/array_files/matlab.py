"""MATLAB files with images and labels, as those of SVHN; read as plain arrays, never as objects."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.array_files.matlab_elements import check_matlab_elements
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import HDF5, check_memory, check_regular, kind_of

_IMAGES = ("X", "x", "images", "data")
_LABELS = ("y", "Y", "labels", "label")
#: Numeric classes of MATLAB, and how many bytes a number of those takes that take fewer than eight.
_ITEM_BYTES = {"int8": 1, "uint8": 1, "logical": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "single": 4}
_NUMBERS = (*_ITEM_BYTES, "int64", "uint64", "double")
#: SVHN: the digit 0 has the label 10. Ten classes of another file may be called anything.
_DIGITS = 10
_SVHN = re.compile(r"(train|test|extra)_32x32\.mat|.*svhn.*", re.IGNORECASE)


def read_matlab(path: Path) -> tuple[Mapping[str, NDArray[Any]], str | None]:
    """Return the arrays of a `.mat` file, and of its neighbour with test images, if there is one.

    Images may lie along the last axis. Labels that count from 1 are counted from 0: in SVHN, which its file's name
    tells, 10 stands for 0, and the digit is the class; otherwise classes are called by their numbers in the file.

    Args:
        path: The file with `X` and `y`. If its name holds `train`, its neighbour has `test` there: `test_32x32.mat`.

    Returns:
        `x_train`, `y_train`, `class_names`, and `x_test`, `y_test` if there is a neighbour; and what was done to
        labels that count from 1, None if they do not.

    Raises:
        DatasetError: A file is damaged, or does not hold such arrays.
    """
    images, labels = _read(path)
    arrays = {"x_train": images, "y_train": labels}
    neighbour = path.with_name(path.name.replace("train", "test"))
    if neighbour != path and neighbour.is_file():
        arrays["x_test"], arrays["y_test"] = _read(neighbour)
    every = np.concatenate([arrays[name] for name in ("y_train", "y_test") if name in arrays])
    if not every.size or every.min() != 1:
        return arrays, None
    highest = int(every.max())
    is_digits = bool(_SVHN.fullmatch(path.name)) and highest == _DIGITS and len(np.unique(every)) == _DIGITS
    for name in ("y_train", "y_test"):
        if name in arrays:
            arrays[name] = arrays[name] % _DIGITS if is_digits else arrays[name] - 1
    names = range(_DIGITS) if is_digits else range(1, highest + 1)
    if len(names) <= 10_000:  # more are refused with the labels
        arrays["class_names"] = np.array([str(number) for number in names])
    if is_digits:
        return (
            arrays,
            "Labels of the MATLAB file are SVHN's, by its name: 10 is the digit 0, and digits are the classes.",
        )
    return arrays, (
        "Labels of the MATLAB file count from 1, and were counted from 0; classes keep their numbers in the file as "
        "names."
    )


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    source = printable_path(path)
    try:
        check_regular(path)
        if kind_of(path) is HDF5:
            raise DatasetError(
                f"{source} is a MATLAB file of version 7.3, which is HDF5 inside: save it with -v7 (save(..., '-v7'))."
            )
        check_matlab_elements(path, source)
        found = _load(path, source)
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror or error}.") from error
    images, labels = found
    if labels.size != max(labels.shape, default=0):
        raise DatasetError(f"{source}: expected a label for each image, [size, 1], found {list(labels.shape)}.")
    labels = labels.reshape(-1)
    if images.ndim in (3, 4) and len(images) != labels.size and images.shape[-1] == labels.size:
        images = np.moveaxis(images, -1, 0)
    return images, labels


def _load(path: Path, source: str) -> tuple[NDArray[Any], NDArray[Any]]:
    from scipy.io import loadmat, whosmat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            there = {name: (shape, kind) for name, shape, kind in whosmat(path)}
            names = [next((name for name in wanted if name in there), None) for wanted in (_IMAGES, _LABELS)]
            if None in names or any(there[str(name)][1] not in _NUMBERS for name in names):
                told = ", ".join(f"{printable_path(name)} ({kind})" for name, (_, kind) in list(there.items())[:8])
                raise DatasetError(
                    f"{source}: expected images as X and their classes as y, both numbers, found {told or 'nothing'}."
                )
            check_memory(max(_bytes(*there[str(name)]) for name in names), source)
            loaded = loadmat(path, variable_names=[str(name) for name in names])
            images, labels = (np.asarray(loaded[str(name)]) for name in names)
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(f"{source} is no MATLAB file that can be read, or is damaged: {_reason(error)}.") from error
    if images.dtype.kind not in "buif" or labels.dtype.kind not in "buif":
        raise DatasetError(f"{source}: expected numbers, found {images.dtype} and {labels.dtype}.")
    return images, labels


def _reason(error: Exception) -> str:
    return printable_path(str(error))[:200].rstrip(" .")


def _bytes(shape: tuple[int, ...], kind: str) -> int:
    return int(np.prod(shape, dtype=np.float64)) * _ITEM_BYTES.get(kind, 8)
