"""A data set: its arrays, which are checked when it is made, and their form as one file."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.checks import check_alike, checked_sample_weights
from deepchord.shared.datasets.multilabel import LABEL_NAMES
from deepchord.shared.datasets.outlines import check_outlines
from deepchord.shared.datasets.predicted import CLASS_NAMES, checked_predicted
from deepchord.shared.datasets.targets import TARGET_NAMES
from deepchord.shared.files import read_npz, write_npz
from deepchord.shared.images import checked_images, pixel_values
from deepchord.shared.messages import (
    DatasetFinding,
    ImageFiles,
    PixelValues,
    StratifiedSplit,
    TablePreprocessing,
    Target,
)
from deepchord.shared.network import Task
from deepchord.shared.tables import Table, checked_rows

#: The arrays that every data set has.
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
#: Optional arrays: how much each training image counts, and the names of classes, of numbers or of labels.
SAMPLE_WEIGHTS = "sample_weights_train"
OPTIONAL_ARRAYS = (CLASS_NAMES, SAMPLE_WEIGHTS, TARGET_NAMES, LABEL_NAMES)
#: What a data set is called that a program gives as arrays.
IN_MEMORY = "arrays"


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images, or the encoded rows of a table, and labels or numbers to predict, for training and testing.

    A data set from `find_dataset`, `load_dataset` or `decode_dataset` is checked, and its arrays are read-only, because
    a worker uses one data set for many members. Images may be memory maps of files that are larger than memory: what
    uses them takes some at a time.
    """

    #: `fashion`, `digits`, `cifar10`, or the name of the file it came from.
    name: str
    #: [train_size, height, width, channels], uint8 or float32, as given; of a table float32 [train_size, features].
    x_train: NDArray[Any]
    #: int64 [train_size], class indices; the numbers of a regression, float64 [train_size, targets]; or which of
    #: several labels apply, uint8 [train_size, labels].
    y_train: NDArray[Any]
    #: [test_size, height, width, channels] or [test_size, features], of the type of `x_train`.
    x_test: NDArray[Any]
    #: int64 [test_size], class indices; float64 [test_size, targets]; or uint8 [test_size, labels].
    y_test: NDArray[Any]
    #: One name per class, by index; empty: something else is predicted.
    class_names: tuple[str, ...] = ()
    #: The numbers that are predicted; empty: something else is.
    targets: tuple[Target, ...] = ()
    #: The labels of which it is predicted whether they apply; empty: something else is predicted.
    label_names: tuple[str, ...] = ()
    #: float32 [train_size], how much each training image counts in the loss; None: all alike.
    sample_weights_train: NDArray[np.float32] | None = None
    #: How image files became its images, how its test images were drawn or from which path they came, and what was
    #: noticed; see `DatasetInfo`.
    files: ImageFiles | None = None
    split: StratifiedSplit | None = None
    test_name: str | None = None
    findings: tuple[DatasetFinding, ...] = ()
    #: How a table's rows became features; None: these are images.
    table: TablePreprocessing | None = None
    #: The rows for training and test as they were read, to look at; None: images, or a data set from storage.
    rows: tuple[Table, Table] | None = None
    #: The values of `x_train`, if they are known already; see `pixels`.
    known_pixels: PixelValues | None = None

    @cached_property
    def pixels(self) -> PixelValues:
        """The type and range of `x_train`; all of it is read for that, once."""
        return self.known_pixels or pixel_values(self.x_train)

    @property
    def task(self) -> Task:
        """What is predicted."""
        if self.label_names:
            return "multilabel"
        return "regression" if self.targets else "classification"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays as they are published, by name, without names of classes, numbers or labels.

        Classes are int64, numbers float64, and labels uint8.
        """
        found = {name: getattr(self, name) for name in ARRAYS}
        kind = {"classification": np.int64, "regression": np.float64, "multilabel": np.uint8}[self.task]
        labels = {name: found[name].astype(kind, copy=False) for name in ("y_train", "y_test")}
        weights = self.sample_weights_train
        return found | labels | ({} if weights is None else {SAMPLE_WEIGHTS: weights})


def dataset_from_arrays(
    arrays: Mapping[str, NDArray[Any]],
    *,
    name: str,
    source: str,
    class_names: tuple[str, ...] | None = None,
    table: TablePreprocessing | None = None,
    pixels: PixelValues | None = None,
) -> Dataset:
    """Return the data set of these arrays.

    Args:
        arrays: `x_train`, `y_train`, `x_test`, `y_test` and optionally `class_names` and `sample_weights_train`, in the
            forms that `checked_images`, `checked_labels`, `checked_class_names` and `checked_sample_weights` accept.
            With `target_names` the labels are numbers to predict, in the forms of `checked_numbers`; with `label_names`
            they tell which labels apply, in the forms of `checked_flags`.
        name: The name of the data set.
        source: Where the arrays came from, for errors.
        class_names: Names of the classes; they win over those in `arrays`.
        table: How the rows of a table became `x_train` and `x_test`, which are [size, features] then; None: they are
            images.
        pixels: The values of `x_train` and `x_test` that were checked before, so that they need not be read once more.

    Raises:
        DatasetError: An array is not valid, or the arrays do not fit each other.
    """
    check_outlines(arrays, source, is_table=table is not None)
    x_train, x_test = arrays["x_train"], arrays["x_test"]
    if pixels is None:
        checked = checked_images if table is None else checked_rows
        x_train, x_test = checked(x_train, f"{source}: x_train"), checked(x_test, f"{source}: x_test")
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
        label_names=predicted.label_names,
        sample_weights_train=weights,
        table=table,
        known_pixels=pixels,
    )


def encode_dataset(dataset: Dataset) -> bytes:
    """Return the data set as an `.npz`, which is also a valid `--dataset` file; equal content gives equal bytes.

    The name is not included, so that storage keeps the same content under two names only once.
    """
    arrays = dataset.arrays()
    weights = {SAMPLE_WEIGHTS: arrays.pop(SAMPLE_WEIGHTS)} if SAMPLE_WEIGHTS in arrays else {}
    names = {
        "classification": (CLASS_NAMES, dataset.class_names),
        "regression": (TARGET_NAMES, tuple(target.name for target in dataset.targets)),
        "multilabel": (LABEL_NAMES, dataset.label_names),
    }
    name, values = names[dataset.task]
    return write_npz(arrays | {name: np.array(values)} | weights)


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


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
