"""Reads a data set of a person's own that is not one `.npz`."""

from dataclasses import replace
from pathlib import Path

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.dataset import Dataset, dataset_from_arrays
from deepchord.shared.datasets.image_files import read_listing
from deepchord.shared.datasets.outlines import check_outlines, with_channels_last
from deepchord.shared.datasets.own_files.arrangement import (
    arranged,
    check_are_classes,
    with_some_test,
    with_test_images,
)
from deepchord.shared.datasets.own_files.options import FileOptions
from deepchord.shared.datasets.own_files.path_kinds import PathKind, list_images, read_array_files
from deepchord.shared.datasets.targets import with_target_names
from deepchord.shared.errors import DatasetError


def read_own_files(
    path: Path,
    kind: PathKind,
    options: FileOptions,
    channels_first: bool | None,
    *,
    labels_are_classes: bool,
) -> Dataset:
    """Return the data set that image files or files of arrays make.

    Args:
        path: The file or folder; it exists.
        kind: What it holds.
        options: How image files become arrays, and test images are drawn.
        channels_first: See `read_dataset`.
        labels_are_classes: See `read_dataset`.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: It is not a valid data set.
    """
    name, source = printable_path(path.resolve().name), printable_path(path)
    listing = list_images(path, kind)
    if listing is not None:
        if options.task not in (None, "classification"):
            raise DatasetError(
                f"{source} holds image files, whose folders or labels are classes: for --task {options.task} save "
                "arrays, x_train and y_train, in an .npz file."
            )
        if channels_first is not None:
            raise DatasetError(
                f"{source} holds image files, whose channels are known: leave out --images-channels-first."
            )
        read = read_listing(listing, source, options)
        arrays, split, findings = arranged(read, source, options)
        dataset = dataset_from_arrays(arrays, name=name, source=source)
        return replace(dataset, files=read.files, split=split, findings=findings)
    refuse_image_options(options, source)
    arrays, findings = read_array_files(path, kind, options.memory_bytes)
    arrays = with_target_names(arrays, source, options.task)
    check_outlines(with_channels_last(with_some_test(arrays), source, channels_first), source)
    check_are_classes(arrays, source, labels_are_classes=labels_are_classes)
    arrays, split = with_test_images(arrays, source, options)
    turned = with_channels_last(arrays, source, channels_first)
    return replace(dataset_from_arrays(turned, name=name, source=source), split=split, findings=findings)


def refuse_target(options: FileOptions, source: str) -> None:
    """Raise `DatasetError` if a column was named, and there are images."""
    if options.target is not None:
        raise DatasetError(f"{source} holds images, which have no column {options.target!r} to predict.")


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
