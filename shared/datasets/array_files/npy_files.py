"""Arrays as `.npy` files of one folder: `x_train.npy`, `y_train.npy` and the like."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import read_npy_file

#: The arrays, and how their files may be called, in small letters.
_NAMES = {
    "x_train": ("x_train", "train_x", "train_images", "images_train", "images", "x"),
    "y_train": ("y_train", "train_y", "train_labels", "labels_train", "labels", "y"),
    "x_test": ("x_test", "test_x", "test_images", "images_test"),
    "y_test": ("y_test", "test_y", "test_labels", "labels_test"),
    "class_names": ("class_names", "classes"),
    "sample_weights_train": ("sample_weights_train", "sample_weights"),
}


def find_npy_files(folder: Path) -> dict[str, Path]:
    """Return which `.npy` file of a folder holds which array of a data set."""
    try:
        there = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".npy"}
    except OSError as error:
        raise DatasetError(f"{printable_path(folder)} cannot be read: {error.strerror}.") from error
    found = {
        array: next((there[f"{name}.npy"] for name in names if f"{name}.npy" in there), None)
        for array, names in _NAMES.items()
    }
    return {array: path for array, path in found.items() if path is not None}


def read_npy_files(folder: Path, memory_bytes: int) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of a folder of `.npy` files; those of the test may be missing.

    Args:
        folder: The folder.
        memory_bytes: A larger array is mapped, not read.

    Raises:
        DatasetError: Images or labels are missing, or a file is damaged.
    """
    files = find_npy_files(folder)
    missing = [array for array in ("x_train", "y_train") if array not in files]
    if missing or ("x_test" in files) != ("y_test" in files):
        missing = missing or [array for array in ("x_test", "y_test") if array not in files]
        raise DatasetError(
            f"{printable_path(folder)} lacks {' and '.join(f'{array}.npy' for array in missing)}: expected x_train.npy "
            "and y_train.npy, and x_test.npy and y_test.npy for the test, if there are test images."
        )
    return {array: read_npy_file(path, printable_path(path), memory_bytes) for array, path in files.items()}
