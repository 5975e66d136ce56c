"""Images in an `.npz`: shapes, types and labels are checked before any image is unpacked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.dataset import ARRAYS, OPTIONAL_ARRAYS
from deepchord.shared.datasets.outlines import check_outlines, with_channels_last
from deepchord.shared.datasets.own_files.arrangement import check_are_classes, with_some_test
from deepchord.shared.datasets.own_files.options import FileOptions
from deepchord.shared.datasets.predicted import CLASS_NAMES
from deepchord.shared.datasets.targets import with_target_names
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import (
    MissingArraysError,
    describe_kind,
    is_annexed,
    kind_of,
    npz_outlines,
    read_large_npz,
    read_npz,
)


def read_image_archive(
    path: Path, source: str, channels_first: bool | None, options: FileOptions, *, labels_are_classes: bool
) -> Mapping[str, NDArray[Any]]:
    """Return the arrays as they are; those of the test may be missing.

    Args:
        path: The file.
        source: What it is called in errors.
        channels_first: See `read_dataset`.
        options: What is predicted, and which arrays are mapped.
        labels_are_classes: See `read_dataset`.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: It is not a valid data set.
    """
    _check_kind(path)
    with labels_wanted(source):
        outlines = npz_outlines(path, source, (), (*ARRAYS, CLASS_NAMES), in_pieces=True)
        parts = ("train", "test") if {"x_test", "y_test"} & set(outlines) else ("train",)
        if not {f"{what}_{part}" for what in "xy" for part in parts} <= set(outlines):
            npz_outlines(path, source, ARRAYS)  # says what is missing
        check_outlines(with_channels_last(with_some_test(outlines), source, channels_first), source)
        labels = read_npz(path, source, tuple(f"y_{part}" for part in parts), OPTIONAL_ARRAYS)
    named = with_target_names(labels, source, options.task)
    check_are_classes(named, source, labels_are_classes=labels_are_classes)
    return {**read_large_npz(path, source, tuple(f"x_{part}" for part in parts), options.memory_bytes), **named}


@contextmanager
def labels_wanted(source: str) -> Iterator[None]:
    """Say of an archive that lacks nothing but labels that it holds images without labels."""
    try:
        yield
    except MissingArraysError as error:
        if not all(name.startswith("y_") for name in error.missing):
            raise
        raise DatasetError(
            f"{source} holds images without labels ({', '.join(error.missing)}): deepchord trains and evaluates on "
            "images whose classes are known; put their labels beside them."
        ) from error


def _check_kind(path: Path) -> None:
    """Raise `DatasetError` for a folder of a known kind, or a link of git-annex without its content."""
    kind = kind_of(path) if os.path.isdir(path) or is_annexed(path) else None  # noqa: PTH112  false for any odd name
    if kind is not None:
        raise DatasetError(f"{printable_path(path)} is no .npz file: {describe_kind(kind)}.")
