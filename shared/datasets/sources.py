"""Finds a data set: in a given file, or, for a data set with a name, in its usual places on this host or online."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.datasets.catalog import FASHION, NAMED_DATASETS, Arrays, NamedDataset, read_idx_folder
from deepchord.shared.datasets.dataset import ARRAYS, OPTIONAL_ARRAYS, Dataset, dataset_from_arrays
from deepchord.shared.datasets.downloads import ADDRESS, KerasProcess, download, keep_download
from deepchord.shared.datasets.outlines import check_outlines, with_channels_last
from deepchord.shared.datasets.own_files import (
    FileOptions,
    PathKind,
    check_are_classes,
    path_kind,
    read_own_files,
    refuse_channels,
    refuse_image_options,
    refuse_target,
    with_some_test,
    with_test_images,
)
from deepchord.shared.datasets.predicted import CLASS_NAMES
from deepchord.shared.datasets.row_archives import read_row_archive
from deepchord.shared.datasets.tables import read_table_dataset
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
from deepchord.shared.tables import table_suffix
from deepchord.shared.validation import suggestion

#: `apt install dataset-fashion-mnist` installs the IDX files here.
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
_AS_THEY_ARE = FileOptions()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places that are searched for a data set with a name."""

    #: `$KERAS_HOME`, or `.keras` in the user's home.
    keras_home: Path
    debian_folder: Path = DEBIAN_FASHION
    #: Downloads and reads the files that only Keras can read.
    keras: KerasProcess = field(default_factory=KerasProcess)
    #: The URL of the folder of all other downloads.
    address: str = ADDRESS
    #: Whether a data set may be downloaded if it is not on this host.
    download: bool = True


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
    if name_or_path not in NAMED_DATASETS:
        return read_dataset(Path(name_or_path), channels_first, labels_are_classes=labels_are_classes, options=options)
    if channels_first:
        raise DatasetError(f"Data set {name_or_path!r} has its channels last: leave out --images-channels-first.")
    refuse_image_options(options, f"Data set {name_or_path!r}")
    refuse_target(options, f"Data set {name_or_path!r}")
    if options.task not in (None, "classification"):
        what = "numbers to predict" if options.task == "regression" else "labels of which several may apply"
        raise DatasetError(f"Data set {name_or_path!r} has classes, and no {what}: leave --task out.")
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
        options: How image files become arrays, which column is predicted, and how test images are drawn.

    Raises:
        DatasetError: There is no such file, or it is not a valid data set.
    """
    source, own = printable_path(path), user_path(path)
    try:
        kind = path_kind(own)
        if kind == "table":
            refuse_image_options(options, source)
            refuse_channels(channels_first, source)
            return read_row_archive(own, options) if table_suffix(own) is None else read_table_dataset(own, options)
        refuse_target(options, source)
        if kind != "npz":
            return read_own_files(own, kind, options, channels_first, labels_are_classes=labels_are_classes)
        refuse_image_options(options, source)
        arrays = _read_checked(
            _checked_kind(own), source, channels_first, options, labels_are_classes=labels_are_classes
        )
    except MissingArraysError as error:
        if all(name.startswith("y_") for name in error.missing):
            raise DatasetError(
                f"{source} holds images without labels ({', '.join(error.missing)}): deepchord trains "
                "and evaluates on images whose classes are known; put their labels beside them."
            ) from error
        raise
    except FileNotFoundError as error:
        hint = suggestion(str(path), NAMED_DATASETS)
        end = "" if hint.endswith("?") else ", or the path of an .npz file, of a table or of a folder of images."
        raise DatasetError(f"There is no data set and no file called {str(path)!r}{hint}{end}") from error
    arrays, split = with_test_images(arrays, source, options)
    turned = with_channels_last(arrays, source, channels_first)
    return replace(dataset_from_arrays(turned, name=printable_path(path.name), source=source), split=split)


def _read_checked(
    path: Path, source: str, channels_first: bool | None, options: FileOptions, *, labels_are_classes: bool
) -> Arrays:
    """Return the arrays as they are; shapes, types and labels are checked before images are unpacked."""
    outlines = npz_outlines(path, source, (), (*ARRAYS, CLASS_NAMES), in_pieces=True)
    parts = ("train", "test") if {"x_test", "y_test"} & set(outlines) else ("train",)
    if not {f"{what}_{part}" for what in "xy" for part in parts} <= set(outlines):
        npz_outlines(path, source, ARRAYS)  # says what is missing
    check_outlines(with_channels_last(with_some_test(outlines), source, channels_first), source)
    labels = read_npz(path, source, tuple(f"y_{part}" for part in parts), OPTIONAL_ARRAYS)
    named = with_target_names(labels, source, options.task)
    check_are_classes(named, source, labels_are_classes=labels_are_classes)
    return {**read_large_npz(path, source, tuple(f"x_{part}" for part in parts), options.memory_bytes), **named}


def _checked_kind(path: Path) -> Path:
    """Return the path; raise for a folder of a known kind, or a link of git-annex without its content."""
    kind = kind_of(path) if os.path.isdir(path) or is_annexed(path) else None  # noqa: PTH112  false for any odd name
    if kind is not None:
        raise DatasetError(f"{printable_path(path)} is no .npz file: {describe_kind(kind)}.")
    return path


def is_named_dataset(name: str) -> bool:
    """Return whether there is a data set with this name."""
    return name in NAMED_DATASETS


def kind_of_dataset(name_or_path: str) -> PathKind | None:
    """Return what the path of a data set holds, as `path_kind` does; None: it is a name."""
    return None if is_named_dataset(name_or_path) else path_kind(user_path(name_or_path))


def find_named_dataset(named: NamedDataset, places: Places) -> Dataset:
    """Return a data set from the first place that has it undamaged; damaged ones are logged and skipped.

    Raises:
        DatasetError: No place has it; the message names each place, its problem, and how to get the data.
    """
    tried: list[str] = []
    damaged: list[str] = []
    for place, read in _candidates(named, places):
        try:
            dataset = dataset_from_arrays(read(), name=named.name, source=place, class_names=named.class_names)
        except FileNotFoundError as error:
            tried.append(f"{place} (no {Path(error.filename).name})")
        except (DatasetError, OSError) as error:
            damaged.append(f"{place} ({str(error).rstrip('.')})")
            tried.append(damaged[-1])
        else:
            _warn_of_damaged(named, damaged, place)
            return dataset
    raise DatasetError(
        f"Data set {named.name!r} was not found. Looked at: {'; '.join(tried)}. {_remedy(named, places)}"
    )


def _candidates(named: NamedDataset, places: Places) -> Iterator[tuple[str, Callable[[], Arrays]]]:
    keras_datasets = places.keras_home / "datasets"
    if named.name == FASHION.name:
        yield f"the Debian folder {places.debian_folder}", partial(read_idx_folder, named, places.debian_folder)
    yield f"the Keras cache {keras_datasets}", partial(named.read, named, keras_datasets, places.keras)
    if places.download:
        source = f"from {places.address}" if named.keras_name is None else "through Keras"
        yield f"a download {source}", partial(_download, named, places, source)


def _download(named: NamedDataset, places: Places, source: str) -> Arrays:
    keras_datasets = places.keras_home / "datasets"
    logger.info("Data set %s is being downloaded %s.", named.name, source, extra={"action": "dataset_download"})
    with tempfile.TemporaryDirectory(prefix="deepchord-") as home:
        downloaded = Path(home) / "datasets"
        if named.keras_name is None:
            download(places.address, named.files, downloaded)
        else:
            places.keras.load(named.keras_name, Path(home))
        arrays = named.read(named, downloaded, places.keras)
        try:
            keep_download(named.files, downloaded, keras_datasets)
        except OSError as error:
            logger.warning(
                "The download of %s cannot be kept in %s (%s); the next run will download it again.",
                named.name,
                keras_datasets,
                error.strerror,
                extra={"action": "dataset_not_kept"},
            )
        return arrays


def _remedy(named: NamedDataset, places: Places) -> str:
    if named.name == FASHION.name:
        return (
            "Get it with `apt install dataset-fashion-mnist`, put its four files into "
            f"{places.keras_home / 'datasets' / 'fashion-mnist'}, or give a file of your own: `--dataset file.npz`."
        )
    return (
        "Give a file of your own, `--dataset file.npz`, or take Fashion-MNIST instead: "
        "`apt install dataset-fashion-mnist` and `--dataset fashion`."
    )


def _warn_of_damaged(named: NamedDataset, damaged: list[str], used: str) -> None:
    for place in damaged:
        logger.warning(
            "Data set %s comes from %s; passed over was %s.",
            named.name,
            used,
            place,
            extra={"action": "dataset_place_damaged"},
        )
