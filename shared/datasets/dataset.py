"""A data set in memory, as bytes, in storage, and in a worker's cache; its SHA-256 identifies it."""

import hashlib
import io
import logging
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.checks import check_alike, checked_sample_weights
from deepchord.shared.datasets.outlines import check_outlines
from deepchord.shared.datasets.predicted import CLASS_NAMES, checked_predicted
from deepchord.shared.datasets.targets import TARGET_NAMES
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import check_regular, read_npz, write_npz
from deepchord.shared.images import checked_images, pixel_values
from deepchord.shared.messages import (
    DatasetFinding,
    DatasetInfo,
    ImageFiles,
    StratifiedSplit,
    TablePreprocessing,
    Target,
)
from deepchord.shared.storage import RunStore
from deepchord.shared.tables import Table, checked_rows

#: The arrays that every data set has.
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
#: Optional arrays: how much each training image counts, and the names of classes or of numbers.
SAMPLE_WEIGHTS = "sample_weights_train"
OPTIONAL_ARRAYS = (CLASS_NAMES, SAMPLE_WEIGHTS, TARGET_NAMES)
#: What a data set is called that a program gives as arrays.
IN_MEMORY = "arrays"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images, or the encoded rows of a table, and labels or numbers to predict, for training and testing.

    A data set from `find_dataset`, `load_dataset` or `decode_dataset` is checked, and its arrays are read-only, because
    a worker uses one data set for many members.
    """

    #: `fashion`, `digits`, `cifar10`, or the name of the file it came from.
    name: str
    #: [train_size, height, width, channels], uint8 or float32, as given; of a table float32 [train_size, features].
    x_train: NDArray[Any]
    #: int64 [train_size], class indices; or the numbers of a regression, float64 [train_size, targets].
    y_train: NDArray[Any]
    #: [test_size, height, width, channels] or [test_size, features], of the type of `x_train`.
    x_test: NDArray[Any]
    #: int64 [test_size], class indices; or float64 [test_size, targets].
    y_test: NDArray[Any]
    #: One name per class, by index; empty: numbers are predicted.
    class_names: tuple[str, ...] = ()
    #: The numbers that are predicted; empty: classes are.
    targets: tuple[Target, ...] = ()
    #: float32 [train_size], how much each training image counts in the loss; None: all alike.
    sample_weights_train: NDArray[np.float32] | None = None
    #: How image files became its images, how its test images were drawn, and what was noticed; see `DatasetInfo`.
    files: ImageFiles | None = None
    split: StratifiedSplit | None = None
    findings: tuple[DatasetFinding, ...] = ()
    #: How a table's rows became features; None: these are images.
    table: TablePreprocessing | None = None
    #: The rows for training and test as they were read, to look at; None: images, or a data set from storage.
    rows: tuple[Table, Table] | None = None


def dataset_from_arrays(
    arrays: Mapping[str, NDArray[Any]],
    *,
    name: str,
    source: str,
    class_names: tuple[str, ...] | None = None,
    table: TablePreprocessing | None = None,
) -> Dataset:
    """Return the data set of these arrays.

    Args:
        arrays: `x_train`, `y_train`, `x_test`, `y_test` and optionally `class_names` and `sample_weights_train`, in the
            forms that `checked_images`, `checked_labels`, `checked_class_names` and `checked_sample_weights` accept.
            With `target_names` the labels are numbers to predict, in the forms of `checked_numbers`.
        name: The name of the data set.
        source: Where the arrays came from, for errors.
        class_names: Names of the classes; they win over those in `arrays`.
        table: How the rows of a table became `x_train` and `x_test`, which are [size, features] then; None: they are
            images.

    Raises:
        DatasetError: An array is not valid, or the arrays do not fit each other.
    """
    check_outlines(arrays, source, is_table=table is not None)
    checked = checked_images if table is None else checked_rows
    x_train = checked(arrays["x_train"], f"{source}: x_train")
    x_test = checked(arrays["x_test"], f"{source}: x_test")
    check_alike(x_train, x_test, source)
    weights = arrays.get(SAMPLE_WEIGHTS)
    if weights is not None:
        weights = _read_only(checked_sample_weights(weights, len(x_train), f"{source}: {SAMPLE_WEIGHTS}"))
    predicted = checked_predicted(arrays, source, class_names)
    return Dataset(
        name=name,
        x_train=_read_only(x_train),
        y_train=_read_only(predicted.train),
        x_test=_read_only(x_test),
        y_test=_read_only(predicted.test),
        class_names=predicted.class_names,
        targets=predicted.targets,
        sample_weights_train=weights,
        table=table,
    )


def encode_dataset(dataset: Dataset) -> bytes:
    """Return the data set as an `.npz`, which is also a valid `--dataset` file; equal content gives equal bytes.

    The name is not included, so that storage keeps the same content under two names only once.
    """
    arrays = {name: getattr(dataset, name) for name in ARRAYS}
    kind = np.float64 if dataset.targets else np.int64
    labels = {name: arrays[name].astype(kind, copy=False) for name in ("y_train", "y_test")}
    weights = dataset.sample_weights_train
    optional = {} if weights is None else {SAMPLE_WEIGHTS: weights}
    names = (
        {TARGET_NAMES: np.array([target.name for target in dataset.targets])}
        if dataset.targets
        else {CLASS_NAMES: np.array(dataset.class_names)}
    )
    return write_npz(arrays | labels | names | optional)


def decode_dataset(data: bytes, name: str, source: str, table: TablePreprocessing | None = None) -> Dataset:
    """Return the data set from the bytes of `encode_dataset`.

    Args:
        data: The `.npz`.
        name: The name of the data set.
        source: Where the bytes came from, for errors.
        table: See `dataset_from_arrays`.

    Raises:
        DatasetError: The bytes are not a data set.
    """
    arrays = read_npz(io.BytesIO(data), source, ARRAYS, OPTIONAL_ARRAYS)
    return dataset_from_arrays(arrays, name=name, source=source, table=table)


def publish_dataset(
    dataset: Dataset,
    store: RunStore,
    *,
    checking: AbstractContextManager[None] | None = None,
    publishing: AbstractContextManager[None] | None = None,
) -> DatasetInfo:
    """Publish the data set under its SHA-256, unless storage has it already; return its description.

    Args:
        dataset: The data set.
        store: Where to publish it.
        checking: A context that is open while storage is checked for the data set.
        publishing: A context that is open while the data set is written.

    Raises:
        StorageError: The storage cannot be reached or written.
    """
    with checking or nullcontext():
        data = encode_dataset(dataset)
        sha256 = hashlib.sha256(data).hexdigest()
        is_published = store.has_dataset(sha256, data)
    if not is_published:
        with publishing or nullcontext():
            store.publish_dataset(sha256, data)
    return _describe(dataset, sha256)


def load_dataset(info: DatasetInfo, store: RunStore, cache: Path) -> Dataset:
    """Return a published data set from this host's cache, or else from storage; its SHA-256 is always checked.

    Args:
        info: The description from `publish_dataset`.
        store: Where the data set is published.
        cache: The folder of the cache; copies are in its folder `datasets`. A damaged copy is fetched again. If the
            folder cannot be written, this is only logged.

    Raises:
        StorageError: Storage cannot be reached, or its copy is missing or damaged.
        DatasetError: The object is not a data set, or not the one that `info` describes.
    """
    copy = cache / "datasets" / f"{info.sha256}.npz"
    data = _cached(copy, info.sha256)
    if data is None:
        data = store.dataset(info.sha256)
        _keep(copy, data)
    decoded = decode_dataset(data, info.name, f"Data set {info.sha256[:12]}…", info.table)
    dataset = replace(decoded, files=info.files, split=info.split, findings=info.findings)
    actual = _describe(dataset, info.sha256)
    if info.pixels is None:
        actual = actual.model_copy(update={"pixels": None})
    if actual != info:
        differing = [field for field in DatasetInfo.model_fields if getattr(actual, field) != getattr(info, field)]
        raise DatasetError(
            f"Data set {info.sha256[:12]}… is not as the run describes it: expected "
            f"{', '.join(f'{field} {getattr(info, field)}' for field in differing)}, found "
            f"{', '.join(str(getattr(actual, field)) for field in differing)}. Submit the run again."
        )
    return dataset


def _describe(dataset: Dataset, sha256: str) -> DatasetInfo:
    return DatasetInfo(
        name=dataset.name,
        sha256=sha256,
        input_shape=dataset.x_train.shape[1:],
        class_names=dataset.class_names,
        targets=dataset.targets,
        train_size=len(dataset.x_train),
        test_size=len(dataset.x_test),
        pixels=pixel_values(dataset.x_train),
        has_sample_weights=dataset.sample_weights_train is not None,
        files=dataset.files,
        split=dataset.split,
        findings=dataset.findings,
        table=dataset.table,
    )


def _cached(copy: Path, sha256: str) -> bytes | None:
    try:
        check_regular(copy)
        data = copy.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        logger.warning(
            "The cached data set %s cannot be read (%s); it is fetched from storage.",
            copy,
            error.strerror,
            extra={"action": "dataset_cache_unreadable"},
        )
        return None
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    logger.warning(
        "The cached data set %s is damaged; it is fetched from storage again.",
        copy,
        extra={"action": "dataset_cache_damaged"},
    )
    return None


def _keep(copy: Path, data: bytes) -> None:
    """Write the copy aside and rename it, so that other workers on this host never see an incomplete file."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".writing-") as folder:
            aside = Path(folder) / copy.name
            aside.write_bytes(data)
            aside.replace(copy)
    except OSError as error:
        logger.warning(
            "The data set cannot be cached in %s (%s); it will be fetched from storage each time.",
            copy.parent,
            error.strerror,
            extra={"action": "dataset_not_cached"},
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
