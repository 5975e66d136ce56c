"""Checks and converts the numbers of a regression before anything is trained on them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.multilabel import LABEL_NAMES, checked_label_names, names_of_columns
from deepchord.shared.datasets.outlines import check_label_outline
from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import Target
from deepchord.shared.network import Task
from deepchord.shared.regression import standardised, target_scales
from deepchord.shared.tables import LARGEST_TARGET

#: The names of the numbers of a regression, which this array makes of a data set.
TARGET_NAMES = "target_names"
#: The name of a single number that has none.
_ONLY_TARGET = "y"
#: A network has two outputs for each; more numbers are considered a mistake.
MAX_TARGETS = 1_000
#: In standard deviations of the training rows: what networks learn is float32, which ends at 3e38.
_MOST_DEVIATIONS = 1e30


def checked_numbers(values: NDArray[Any], size: int, label: str) -> NDArray[np.float64]:
    """Return the numbers to predict, float64 [size, targets].

    Args:
        values: Numbers, [size] or [size, targets].
        size: The number of images or rows.
        label: The name of the array in errors.

    Raises:
        DatasetError: There are none for some image or row, or one is not finite.
    """
    check_label_outline(values, size, label)
    numbers = values.reshape(size, -1).astype(np.float64)
    if numbers.shape[1] > MAX_TARGETS:
        raise DatasetError(f"{label} holds {numbers.shape[1]:,} numbers for each row; at most {MAX_TARGETS:,}.")
    broken = ~(np.abs(numbers) <= LARGEST_TARGET)
    if broken.any():
        row, target = np.argwhere(broken)[0]
        raise DatasetError(
            f"{label}: row {row} (from 0) holds {numbers[row, target]} in column {target}; expected a finite "
            f"number of at most {LARGEST_TARGET:g} to predict: leave out rows whose number is not known."
        )
    return numbers


def asked_task(
    arrays: Mapping[str, NDArray[Any]], source: str, asked: Task | None
) -> tuple[Task, tuple[str, ...] | None]:
    """Return what the labels of arrays are, and the names of the numbers or labels if they have some.

    Args:
        arrays: `y_train`, and `target_names` if its labels are numbers, or `label_names` if several may apply.
        source: Where they came from, for errors.
        asked: What was asked for; None: `target_names` or `label_names` tell.

    Raises:
        DatasetError: The arrays tell something else.
    """
    if LABEL_NAMES in arrays or (asked == "multilabel" and TARGET_NAMES not in arrays):
        return "multilabel", _label_names(arrays, source, asked)
    if TARGET_NAMES not in arrays:
        count = _targets_of(arrays["y_train"])
        named = None if asked != "regression" or count == 1 else tuple(f"y_{number}" for number in range(count))
        return asked or "classification", named
    if asked not in (None, "regression"):
        raise DatasetError(f"{source} has {TARGET_NAMES}, so it is of numbers to predict: leave --task out.")
    return "regression", checked_target_names(arrays[TARGET_NAMES], _targets_of(arrays["y_train"]), source)


def _label_names(arrays: Mapping[str, NDArray[Any]], source: str, asked: Task | None) -> tuple[str, ...]:
    count = _targets_of(arrays["y_train"])
    if LABEL_NAMES not in arrays:
        return names_of_columns(count)
    if asked not in (None, "multilabel"):
        raise DatasetError(f"{source} has {LABEL_NAMES}, so several labels may apply: leave --task out.")
    return checked_label_names(arrays[LABEL_NAMES], count, source)


def _targets_of(labels: NDArray[Any]) -> int:
    """Return how many numbers each row has; whether the shape is that of labels is checked with their rows."""
    return math.prod(labels.shape[1:])


def with_target_names(
    arrays: Mapping[str, NDArray[Any]], source: str, asked: Task | None
) -> Mapping[str, NDArray[Any]]:
    """Return arrays with `target_names` if numbers are predicted, or with `label_names`; see `asked_task`."""
    task, names = asked_task(arrays, source, asked)
    if task == "classification" or TARGET_NAMES in arrays:
        return arrays
    if task == "multilabel":
        return {**arrays, LABEL_NAMES: np.array(names)}
    return {**arrays, TARGET_NAMES: np.array(names or (_ONLY_TARGET,))}


def checked_target_names(names: NDArray[Any] | Sequence[str], targets: int, source: str) -> tuple[str, ...]:
    """Return the names of the numbers.

    Raises:
        DatasetError: There is not one for each, or two are equal.
    """
    given = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)
    if len(given) != targets or len(set(given)) < targets or not all(name.strip() for name in given):
        raise DatasetError(f"{source}: expected another name for each of {targets} numbers, found {list(given)!r:.99}.")
    return given


def fitted_targets(numbers: NDArray[np.float64], names: Sequence[str], source: str) -> tuple[Target, ...]:
    """Return how the numbers of the training rows, [size, targets], are standardised.

    Raises:
        DatasetError: A column holds one number only.
    """
    for name, column in zip(names, numbers.T, strict=True):
        if column.min() == column.max() or not column.std() > 0:
            raise DatasetError(
                f"{source}: all training rows have the same number to predict in {name!r}, {column[0]:g}: there is "
                "nothing to learn."
            )
    return target_scales(numbers, names)


def check_test_numbers(numbers: NDArray[np.float64], targets: Sequence[Target], source: str) -> None:
    """Raise `DatasetError` if a number of the test rows, [size, targets], is far from all training rows."""
    far = np.abs(standardised(numbers, targets)) > _MOST_DEVIATIONS
    if far.any():
        row, place = np.argwhere(far)[0]
        raise DatasetError(
            f"{source}: a test row has {numbers[row, place]:g} to predict in {targets[place].name!r}, more than "
            f"{_MOST_DEVIATIONS:g} standard deviations from the training rows: correct it, or leave the row out."
        )
