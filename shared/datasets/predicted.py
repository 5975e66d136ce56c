"""What a data set wants predicted: the classes or the numbers of its arrays, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.checks import check_coverage, checked_class_names, checked_labels
from deepchord.shared.datasets.multilabel import LABEL_NAMES, checked_flags, checked_label_names
from deepchord.shared.datasets.targets import (
    TARGET_NAMES,
    check_test_numbers,
    checked_numbers,
    checked_target_names,
    fitted_targets,
)
from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import Target

#: What an array with the names of the classes is called.
CLASS_NAMES = "class_names"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicted:
    """The labels of a data set: classes or numbers."""

    #: Class indices, int64 [size]; numbers, float64 [size, targets]; or which labels apply, uint8 [size, labels].
    train: NDArray[Any]
    test: NDArray[Any]
    class_names: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    label_names: tuple[str, ...] = ()


def checked_predicted(
    arrays: Mapping[str, NDArray[Any]], source: str, class_names: tuple[str, ...] | None = None
) -> Predicted:
    """Return the classes of arrays, their numbers if they have `target_names`, or their labels with `label_names`.

    Args:
        arrays: `x_train`, `y_train`, `x_test`, `y_test`, and perhaps one of `class_names`, `target_names` and
            `label_names`.
        source: Where they came from, for errors.
        class_names: Names of the classes; they win over those in `arrays`.

    Raises:
        DatasetError: The labels are not valid, or those for training and test do not fit each other.
    """
    if LABEL_NAMES in arrays:
        return _labels(arrays, source)
    return _numbers(arrays, source) if TARGET_NAMES in arrays else _classes(arrays, source, class_names)


def _classes(arrays: Mapping[str, NDArray[Any]], source: str, class_names: tuple[str, ...] | None) -> Predicted:
    train, train_classes = checked_labels(arrays["y_train"], len(arrays["x_train"]), f"{source}: y_train")
    test, test_classes = checked_labels(arrays["y_test"], len(arrays["x_test"]), f"{source}: y_test")
    check_coverage(train, test, source)
    names = arrays.get(CLASS_NAMES) if class_names is None else np.array(class_names)
    classes, lowest = max(train_classes, test_classes), int(min(train.min(), test.min()))
    return Predicted(train=train, test=test, class_names=checked_class_names(names, classes, source, lowest))


def _labels(arrays: Mapping[str, NDArray[Any]], source: str) -> Predicted:
    if CLASS_NAMES in arrays:
        raise DatasetError(
            f"{source} has {CLASS_NAMES}, of which one applies to each image; where several labels may apply, save "
            f"their names as {LABEL_NAMES}."
        )
    given = {part: arrays[f"y_{part}"] for part in ("train", "test")}
    widths = {part: values.reshape(len(values), -1).shape[1] for part, values in given.items()}
    if widths["train"] != widths["test"]:
        raise DatasetError(
            f"{source}: y_train holds {widths['train']} labels for each row and y_test {widths['test']}."
        )
    names = checked_label_names(arrays[LABEL_NAMES], widths["train"], source)
    train, test = (
        checked_flags(values, len(arrays[f"x_{part}"]), f"{source}: y_{part}", names) for part, values in given.items()
    )
    return Predicted(train=train, test=test, label_names=names)


def _numbers(arrays: Mapping[str, NDArray[Any]], source: str) -> Predicted:
    train = checked_numbers(arrays["y_train"], len(arrays["x_train"]), f"{source}: y_train")
    test = checked_numbers(arrays["y_test"], len(arrays["x_test"]), f"{source}: y_test")
    if train.shape[1] != test.shape[1]:
        raise DatasetError(f"{source}: y_train holds {train.shape[1]} numbers for each row and y_test {test.shape[1]}.")
    names = checked_target_names(arrays[TARGET_NAMES], train.shape[1], source)
    targets = fitted_targets(train, names, source)
    check_test_numbers(test, targets, source)
    return Predicted(train=train, test=test, targets=targets)
