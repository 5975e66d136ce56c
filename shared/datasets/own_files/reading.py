"""Reads a data set of a person's own that is no table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.dataset import Dataset, dataset_from_arrays
from deepchord.shared.datasets.image_files import read_listing
from deepchord.shared.datasets.outlines import check_outlines, with_channels_last
from deepchord.shared.datasets.own_files.arrangement import (
    check_are_classes,
    in_parts,
    with_some_test,
    with_test_images,
)
from deepchord.shared.datasets.own_files.given_test import with_given_test
from deepchord.shared.datasets.own_files.npz_files import read_image_archive
from deepchord.shared.datasets.own_files.options import FileOptions
from deepchord.shared.datasets.own_files.path_kinds import (
    IMAGE_KINDS,
    PathKind,
    list_images,
    path_kind,
    read_array_files,
)
from deepchord.shared.datasets.targets import with_target_names
from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import DatasetFinding, ImageFiles

_COLOURS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """What a path holds, before test images are drawn or come from another path."""

    source: str
    #: `x_train`, `y_train` and others; those of the test only if the path tells which they are.
    arrays: Mapping[str, NDArray[Any]]
    files: ImageFiles | None = None
    findings: tuple[DatasetFinding, ...] = ()


def read_own_files(
    path: Path,
    kind: PathKind,
    options: FileOptions,
    channels_first: bool | None,
    *,
    labels_are_classes: bool,
) -> Dataset:
    """Return the data set that image files or arrays make.

    Args:
        path: The file or folder.
        kind: What it holds.
        options: How image files become arrays, and which images are for the test.
        channels_first: See `read_dataset`.
        labels_are_classes: See `read_dataset`.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: It is not a valid data set.
    """
    name = printable_path(path.name if kind == "npz" else path.resolve().name)
    found = _find(path, kind, options, channels_first, labels_are_classes=labels_are_classes)
    source, files, findings = found.source, found.files, found.findings
    if options.test is None:
        arrays, split = with_test_images(found.arrays, source, options)
    else:
        given = _given_test(options, found, channels_first)
        arrays, split = with_given_test(found.arrays, source, given.arrays, given.source), None
        files, findings = _joined(files, given.files), (*findings, *given.findings)
    turned = with_channels_last(arrays, source, channels_first)
    return replace(dataset_from_arrays(turned, name=name, source=source), files=files, split=split, findings=findings)


def _find(
    path: Path, kind: PathKind, options: FileOptions, channels_first: bool | None, *, labels_are_classes: bool
) -> _Found:
    source = printable_path(path)
    listing = list_images(path, kind)
    if listing is not None:
        _refuse_of_arrays(options, channels_first, source)
        read = read_listing(listing, source, options)
        arrays, findings = in_parts(read, source)
        return _Found(source=source, arrays=arrays, files=read.files, findings=findings)
    refuse_image_options(options, source)
    if kind == "npz":
        arrays = read_image_archive(path, source, channels_first, options, labels_are_classes=labels_are_classes)
        return _Found(source=source, arrays=arrays)
    arrays, findings = read_array_files(path, kind, options.memory_bytes)
    arrays = with_target_names(arrays, source, options.task)
    check_outlines(with_channels_last(with_some_test(arrays), source, channels_first), source)
    check_are_classes(arrays, source, labels_are_classes=labels_are_classes)
    return _Found(source=source, arrays=arrays, findings=findings)


def _given_test(options: FileOptions, found: _Found, channels_first: bool | None) -> _Found:
    """Return what the path of the test holds; image files become arrays as those for training did."""
    path = options.test_path()
    kind = path_kind(path)
    if kind == "table":
        raise DatasetError(f"{found.source} holds images, and {printable_path(path)} rows of a table: give images.")
    shape = found.arrays["x_train"].shape
    alone = replace(options, test=None, in_colour=len(shape) == 4 and shape[-1] == _COLOURS)
    if kind not in IMAGE_KINDS:
        alone = replace(alone, image_size=None, skip_damaged=False)
    return _find(path, kind, alone, channels_first, labels_are_classes=True)


def _joined(files: ImageFiles | None, of_test: ImageFiles | None) -> ImageFiles | None:
    """Return how the image files of both parts became arrays; None: those for training were arrays."""
    if files is None or of_test is None:
        return files
    return files.model_copy(update={"skipped": files.skipped + of_test.skipped})


def _refuse_of_arrays(options: FileOptions, channels_first: bool | None, source: str) -> None:
    """Raise `DatasetError` if something was said that is about arrays, and there are image files."""
    if options.task not in (None, "classification"):
        raise DatasetError(
            f"{source} holds image files, whose folders or labels are classes: for --task {options.task} save arrays, "
            "x_train and y_train, in an .npz file."
        )
    if channels_first is not None:
        raise DatasetError(f"{source} holds image files, whose channels are known: leave out --images-channels-first.")


def refuse_table_options(options: FileOptions, source: str) -> None:
    """Raise `DatasetError` if something was said about the columns of a table, and there are images."""
    if options.target is not None:
        raise DatasetError(f"{source} holds images, which have no column {options.target!r} to predict.")
    if options.header is not None:
        raise DatasetError(f"{source} is no table that --header or --no-header could be about: leave it out.")


def refuse_channels(channels_first: bool | None, source: str) -> None:
    """Raise `DatasetError` if something was said about the channels of images, and there are rows."""
    if channels_first is not None:
        raise DatasetError(
            f"{source} holds rows of a table, which have no channels: leave out --images-channels-first."
        )


def refuse_image_options(options: FileOptions, source: str) -> None:
    """Raise `DatasetError` if something was said about image files, and there are none."""
    if options.image_size is not None or options.skip_damaged:
        raise DatasetError(
            f"{source} holds arrays, and --image-size and --skip-damaged are for image files: leave them out."
        )
