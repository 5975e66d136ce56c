"""A folder with the IDX files of MNIST, gzipped or not, whatever stands before and behind their names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import read_idx

#: `train-images-idx3-ubyte`, also with a dot before `idx`, and with a prefix as those of EMNIST and KMNIST have.
_NAME = re.compile(r"(?P<before>.*?)(?P<part>train|t10k|test)-(?P<what>images|labels)[-.]idx[13]-ubyte(\.gz)?")
_ARRAYS = {
    ("train", "images"): "x_train",
    ("train", "labels"): "y_train",
    ("test", "images"): "x_test",
    ("test", "labels"): "y_test",
}


def find_idx_files(folder: Path) -> dict[str, Path]:
    """Return which IDX file of a folder holds which array of a data set, without `.gz` at its end.

    Raises:
        DatasetError: The folder cannot be read, or holds several data sets.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise DatasetError(f"{printable_path(folder)} cannot be read: {error.strerror}.") from error
    found: dict[str, Path] = {}
    prefixes = set()
    for match in filter(None, map(_NAME.fullmatch, names)):
        part = "train" if match["part"] == "train" else "test"
        found[_ARRAYS[part, match["what"]]] = folder / match.string.removesuffix(".gz")
        prefixes.add(match["before"])
    if len(prefixes) > 1:
        raise DatasetError(
            f"{printable_path(folder)} holds the IDX files of several data sets ({', '.join(sorted(prefixes))}): give "
            "each a folder of its own."
        )
    return found


def read_idx_files(folder: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of a folder of IDX files; those of the test may be missing.

    Raises:
        DatasetError: A file is missing or damaged.
    """
    files = find_idx_files(folder)
    needed = ("x_train", "y_train") if "x_test" not in files and "y_test" not in files else tuple(_ARRAYS.values())
    if missing := [array for array in needed if array not in files]:
        names = " and ".join(
            f"{part}-{what}-idx{3 if what == 'images' else 1}-ubyte"
            for (part, what), array in _ARRAYS.items()
            if array in missing
        )
        raise DatasetError(f"{printable_path(folder)} lacks {names}, or the same with .gz.")
    return {array: read_idx(path) for array, path in files.items()}
