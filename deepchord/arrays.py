"""Arrays and data frames of a Python program as a data set."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepchord.given_labels import named_classes, plain_labels, target_names
from deepchord.shared.datasets import (
    IN_MEMORY,
    Dataset,
    LabelledRows,
    RowsDescription,
    dataset_from_arrays,
    dataset_of_table,
    fingerprints,
    labelled_dataset,
    split_with_copies,
    stratified_split,
    with_channels_last,
)
from deepchord.shared.datasets.checks import checked_labels, checked_sample_weights
from deepchord.shared.datasets.multilabel import LABEL_NAMES, checked_flags
from deepchord.shared.datasets.targets import TARGET_NAMES, checked_numbers
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.files import rows_of
from deepchord.shared.messages import StratifiedSplit
from deepchord.shared.network import Task
from deepchord.shared.tables import Table, is_frame, table_of_frame, table_of_rows

#: Images, or rows: an array [size, features], or a data frame of pandas or polars.
Inputs: TypeAlias = Any
_SOURCE = "The arrays"


def frame_as_dataset(
    frame: Any, target: str | None, *, test: Any, seed: object = None, task: Task | None = None
) -> Dataset:
    """Return a data frame, one column of which is predicted, as a data set; see `train` for the arguments.

    Raises:
        InputError: There are too few rows for training and test, or `test` is neither a frame nor a share.
        DatasetError: The frame cannot be learnt from.
    """
    if is_frame(test):
        test = table_of_frame(test, "the data frame of test rows")
    elif isinstance(test, float | int) and 0 < test < 1:
        test = StratifiedSplit(share=test, seed=_split_seed(seed))
    else:
        raise InputError(f"test is {test!r:.60}; expected a data frame of test rows, or a share between 0 and 1.")
    return dataset_of_table(table_of_frame(frame), name=IN_MEMORY, target=target, test=test, task=_checked_task(task))


def arrays_as_dataset(
    x: Inputs,
    y: ArrayLike,
    *,
    test: Sequence[Any] | float,
    class_names: Sequence[str] | None = None,
    seed: object = None,
    channels_first: bool | None = None,
    sample_weights: NDArray[Any] | None = None,
    task: Task | None = None,
) -> Dataset:
    """Return arrays, or a data frame and the class or number of each row, as a data set; see `train` for the arguments.

    Raises:
        InputError: `test` is neither, or there is not one class for each image.
        DatasetError: The arrays cannot be used, or are too few for training and test.
    """
    task = _checked_task(task) or "classification"
    names = None if class_names is None else tuple(class_names)
    if task != "classification" and names is not None:
        what = "numbers" if task == "regression" else "labels"
        raise InputError(f"class_names are for classes, and {what} are predicted: leave them or task out.")
    inputs, labels = _as_array_or_table(x, "x"), plain_labels(y, "y", task)
    split = None
    if sample_weights is not None:
        sample_weights = checked_sample_weights(sample_weights, len(labels), "sample_weights")
    if isinstance(test, tuple | list) and len(test) == 2:
        test_inputs, test_labels = _as_array_or_table(test[0], "test"), plain_labels(test[1], "test[1]", task)
        names, (labels, test_labels) = named_classes(names, labels, test_labels)
    elif isinstance(test, float | int):
        split = StratifiedSplit(share=_checked_share(test), seed=_split_seed(seed))
        names, (labels,) = named_classes(names, labels)
        kept = _kept(inputs, labels, split, task)
        inputs, test_inputs = _part(inputs, ~kept), _part(inputs, kept)
        labels, test_labels = labels[~kept], labels[kept]
        if sample_weights is not None:
            sample_weights = sample_weights[~kept]
    else:
        raise InputError(f"test is {test!r}; expected test images and their classes, or a share between 0 and 1.")
    if isinstance(inputs, Table) or isinstance(test_inputs, Table):
        described = RowsDescription(
            name=IN_MEMORY, source=_SOURCE, targets=target_names(y, labels, task), task=task, class_names=names
        )
        rows = _labelled(inputs, labels, "y", task)
        test_rows = _labelled(test_inputs, test_labels, "y of the test", task)
        return labelled_dataset(replace(rows, weights=sample_weights), test_rows, described, split=split)
    arrays = {"x_train": inputs, "y_train": labels, "x_test": test_inputs, "y_test": test_labels}
    if sample_weights is not None:
        arrays["sample_weights_train"] = sample_weights
    if task != "classification":
        arrays[TARGET_NAMES if task == "regression" else LABEL_NAMES] = np.array(target_names(y, labels, task))
    turned = with_channels_last(arrays, _SOURCE, channels_first)
    dataset = dataset_from_arrays(turned, name=IN_MEMORY, source=_SOURCE, class_names=names)
    return replace(dataset, split=split)


def _as_array_or_table(inputs: Inputs, name: str) -> NDArray[Any] | Table:
    """Return images as an array, and rows as a table."""
    if is_frame(inputs):
        return table_of_frame(inputs)
    array = np.asarray(inputs)
    return table_of_rows(array, source=name) if array.ndim == 2 else array


def _part(inputs: NDArray[Any] | Table, chosen: NDArray[np.bool_]) -> NDArray[Any] | Table:
    return inputs.rows(chosen) if isinstance(inputs, Table) else rows_of(inputs, chosen, "x")


def _labelled(inputs: NDArray[Any] | Table, labels: NDArray[Any], name: str, task: Task) -> LabelledRows:
    if not isinstance(inputs, Table):
        raise InputError(f"x and the test differ: one has rows, the other an array of the shape {list(inputs.shape)}.")
    if task == "regression":
        return LabelledRows(rows=inputs, labels=checked_numbers(labels, inputs.size, name))
    if task == "multilabel":
        return LabelledRows(rows=inputs, labels=checked_flags(labels, inputs.size, name))
    return LabelledRows(rows=inputs, labels=checked_labels(labels, inputs.size, name)[0])


def _checked_task(task: object) -> Task | None:
    if task not in (None, *get_args(Task)):
        raise InputError(f"task is {task!r:.60}; expected 'classification', 'regression' or 'multilabel'.")
    return cast("Task | None", task)


def _checked_share(share: float) -> float:
    if not 0 < share < 1:
        raise InputError(f"test is {share!r}; expected test images and their classes, or a share between 0 and 1.")
    return float(share)


def _kept(inputs: NDArray[Any] | Table, labels: NDArray[Any], split: StratifiedSplit, task: Task) -> NDArray[np.bool_]:
    """Return which images or rows are kept for the test."""
    shape = [inputs.size, len(inputs.columns)] if isinstance(inputs, Table) else list(inputs.shape)
    if not shape or labels.ndim == 0 or shape[0] != len(labels) or shape[0] < 2:
        raise InputError(f"x has the shape {shape} and y {list(labels.shape)}; expected one class for each image.")
    is_one_hot = labels.ndim == 2 and labels.shape[1] > 1
    codes = labels.argmax(axis=1) if is_one_hot else labels.reshape(len(labels), -1)[:, 0]
    if task != "classification":
        codes = np.zeros(len(labels), dtype=np.int64)
    if not isinstance(inputs, Table):
        # Copies of an image stay on one side, unless nothing were left for the other.
        with contextlib.suppress(DatasetError):
            return split_with_copies(codes, fingerprints(inputs), split.share, split.seed)
    return stratified_split(codes, split.share, split.seed)


def _split_seed(seed: object) -> int:
    """Return what draws the test rows: the run's seed; one that is none is refused with the recipe."""
    return int(seed) if isinstance(seed, int | np.integer) and seed >= 0 else 0
