"""Finds a data set: the one with a name, or the one that a path leads to."""

from dataclasses import replace
from pathlib import Path

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.datasets.dataset import Dataset
from deepchord.shared.datasets.named import NAMED_DATASETS, Places, find_named_dataset, is_named_dataset
from deepchord.shared.datasets.own_files import (
    FileOptions,
    PathKind,
    path_kind,
    read_own_files,
    refuse_channels,
    refuse_image_options,
    refuse_table_options,
)
from deepchord.shared.datasets.row_archives import read_row_archive
from deepchord.shared.datasets.tables import read_table_dataset
from deepchord.shared.errors import DatasetError
from deepchord.shared.tables import table_suffix
from deepchord.shared.validation import suggestion

_AS_THEY_ARE = FileOptions()


def find_dataset(
    name_or_path: str,
    places: Places,
    channels_first: bool | None = None,
    *,
    labels_are_classes: bool = False,
    options: FileOptions = _AS_THEY_ARE,
) -> Dataset:
    """Return the data set with a name, or the one that a path leads to; a name wins over a file of the same name.

    Args:
        name_or_path: `fashion`, `digits`, `cifar10`, or a path; see `read_dataset`.
        places: Where to look for a data set with a name, in this order: the Debian folder (`fashion` only), the Keras
            cache, a download (through Keras if only Keras can read the files).
        channels_first: See `read_dataset`.
        labels_are_classes: See `read_dataset`.
        options: See `read_dataset`.

    Raises:
        DatasetError: Nothing was found, and the message names every place; or the data set cannot be used.
    """
    if not is_named_dataset(name_or_path):
        return read_dataset(Path(name_or_path), channels_first, labels_are_classes=labels_are_classes, options=options)
    called = f"Data set {name_or_path!r}"
    if channels_first:
        raise DatasetError(f"{called} has its channels last: leave out --images-channels-first.")
    refuse_image_options(options, called)
    refuse_table_options(options, called)
    if options.task not in (None, "classification"):
        what = "numbers to predict" if options.task == "regression" else "labels of which several may apply"
        raise DatasetError(f"{called} has classes, and no {what}: leave --task out.")
    if options.test is not None:
        raise DatasetError(f"{called} has test images of its own: leave --test out.")
    return find_named_dataset(NAMED_DATASETS[name_or_path], places)


def read_dataset(
    path: Path,
    channels_first: bool | None = None,
    *,
    labels_are_classes: bool = False,
    options: FileOptions = _AS_THEY_ARE,
) -> Dataset:
    """Return the data set that a path leads to; it has the name of the file or folder.

    When images are used, uint8 is divided by 255 and floats stay as they are; nothing is guessed from the values. Of an
    `.npz`, shapes, types and labels are checked before any image is unpacked. Test images are drawn from the others if
    there are none.

    Args:
        path: An `.npz` with `x_train` and `x_test` as [size, height, width] or [size, height, width, channels],
            whole numbers in 0..255, floats or booleans; `y_train` and `y_test` as [size], [size, 1] or one-hot
            [size, classes]; optionally `class_names` as strings [classes] and `sample_weights_train` as numbers [size].
            With `target_names`, strings [targets], the labels are numbers to predict, [size] or [size, targets]. With
            `label_names`, strings [labels], they are 1 where a label applies and else 0, [size, labels].
            Or what `own_files` can read: image files, or arrays in other files; or a table.
        channels_first: Whether images of four axes are [size, channels, height, width]; None: images that look so are
            refused.
        labels_are_classes: Whether the networks show that the labels are classes; otherwise labels that look like
            numbers to predict are refused, unless the classes have names.
        options: How image files become arrays, which column is predicted, and which images or rows are for the test.

    Raises:
        DatasetError: There is no such file, or it is not a valid data set.
    """
    source, own = printable_path(path), user_path(path)
    try:
        kind = path_kind(own)
        if kind == "table":
            refuse_image_options(options, source)
            refuse_channels(channels_first, source)
            is_archive = table_suffix(own) is None
            dataset = read_row_archive(own, options) if is_archive else read_table_dataset(own, options)
        else:
            refuse_table_options(options, source)
            dataset = read_own_files(own, kind, options, channels_first, labels_are_classes=labels_are_classes)
    except FileNotFoundError as error:
        hint = suggestion(str(path), NAMED_DATASETS)
        end = "" if hint.endswith("?") else ", or the path of an .npz file, of a table or of a folder of images."
        raise DatasetError(f"There is no data set and no file called {str(path)!r}{hint}{end}") from error
    if options.test is None:
        return dataset
    return replace(dataset, test_name=printable_path(options.test_path().resolve().name))


def kind_of_dataset(name_or_path: str) -> PathKind | None:
    """Return what the path of a data set holds, as `path_kind` does; None: it is a name."""
    return None if is_named_dataset(name_or_path) else path_kind(user_path(name_or_path))
