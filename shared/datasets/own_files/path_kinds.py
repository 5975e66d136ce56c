"""Chooses by the kind of a path how a data set of a person's own is read, and reads it if it is not one `.npz`."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.array_files import (
    find_idx_files,
    find_npy_files,
    read_idx_files,
    read_matlab,
    read_npy_files,
)
from deepchord.shared.datasets.image_files import (
    Listing,
    has_images,
    is_path_table,
    list_folder,
    list_parquet,
    list_path_table,
    parquet_files,
)
from deepchord.shared.errors import DatasetError, DeepchordError
from deepchord.shared.files import kind_of, npz_outlines
from deepchord.shared.messages import DatasetFinding
from deepchord.shared.tables import PARQUET_SUFFIXES, table_suffix

Arrays = Mapping[str, NDArray[Any]]
#: What a path holds; `npz` is also what is not known.
PathKind = Literal["npz", "npy", "idx", "matlab", "image_folder", "path_table", "parquet", "table"]
_LISTERS: Mapping[PathKind, Callable[[Path], Listing]] = {
    "image_folder": list_folder,
    "path_table": list_path_table,
    "parquet": list_parquet,
}
#: What holds image files.
IMAGE_KINDS = frozenset(_LISTERS)


def path_kind(path: Path) -> PathKind:
    """Return what a path holds, by its name and, of a folder, by the names in it.

    Raises:
        DatasetError: A folder cannot be read.
    """
    suffix = path.suffix.lower()
    if os.path.isdir(path):  # noqa: PTH112  false where Path.is_dir raises
        return _folder_kind(path)
    if suffix in (".csv", ".tsv", ".txt") and is_path_table(path):
        return "path_table"
    if suffix in PARQUET_SUFFIXES and has_images(path):
        return "parquet"
    if table_suffix(path) is not None or (suffix == ".npz" and _has_rows(path)):
        return "table"
    if "-idx" in path.name or ".idx" in path.name:
        return "idx"
    endings: dict[str, PathKind] = {".npy": "npy", ".mat": "matlab"}
    return endings.get(suffix, "npz")


def list_images(path: Path, kind: PathKind) -> Listing | None:
    """Return the image files that a path means; None: it holds arrays."""
    return _LISTERS[kind](path) if kind in _LISTERS else None


def read_array_files(path: Path, kind: PathKind, memory_bytes: int) -> tuple[Arrays, tuple[DatasetFinding, ...]]:
    """Return the arrays that files of their own hold, those of the test only if they are there; and what was changed.

    Args:
        path: One of the files, or their folder.
        kind: What they are.
        memory_bytes: A larger array in an `.npy` file is mapped, not read.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: A file is missing or damaged.
    """
    path.stat()
    folder = path if path.is_dir() else path.parent
    if kind == "matlab":
        arrays, text = read_matlab(path)
        return arrays, () if text is None else (DatasetFinding(kind="labels_from_1", level="note", text=text),)
    return read_npy_files(folder, memory_bytes) if kind == "npy" else read_idx_files(folder), ()


def _has_rows(path: Path) -> bool:
    """Return whether the inputs of an `.npz` are rows, not images."""
    try:
        outlines = npz_outlines(path, printable_path(path), (), ("x_train",), in_pieces=True)
    except (DeepchordError, OSError, ValueError):
        return False  # whoever reads it says what is wrong
    return "x_train" in outlines and outlines["x_train"].ndim == 2


def _folder_kind(folder: Path) -> PathKind:
    try:
        if kind_of(folder) is not None:  # a model, for example
            return "npz"
    except OSError as error:
        raise DatasetError(f"{printable_path(folder)} cannot be read: {error.strerror}.") from error
    if parquet_files(folder):
        return "parquet"
    if find_npy_files(folder):
        return "npy"
    return "idx" if find_idx_files(folder) else "image_folder"
