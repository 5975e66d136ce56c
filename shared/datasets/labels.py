"""Recognises labels that are not class indices: regression targets, several classes per image, counts from 1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError

#: With fewer different labels no check is possible.
_MIN_DIFFERENT_LABELS = 20
#: With fewer images per used label, and unused labels between them, the labels may be measurements.
_FEW_IMAGES = 5
_MAX_USED_SHARE = 0.9
#: Classes count from 0. If over half of them are used, the first ten are missing by chance once in a thousand cases.
_FAR_FROM_0 = 10
#: With this many classes, most of them without images, the labels may be years, identifiers or prices.
_MANY_CLASSES = 100
_HARDLY_ANY_IMAGES = 2
#: The sum of float16 probabilities differs from 1 by no more than this.
_ROUNDING = 1e-2

#: What to do where labels are numbers.
_REGRESSION = "for numbers to be predicted give --task regression (in Python task=)"


def check_classes(labels: NDArray[np.int64], label: str) -> None:
    """Raise `DatasetError` if labels look like numbers to predict (regression) rather than like classes.

    There are two signs. Either there are many different labels for few images, with unused labels between them, and the
    smallest label is far from 0. Or there are very many classes, most of them without images, and the others have
    hardly two images each or begin far from 0. Random samples of classes, and data sets with many rare classes, show
    neither sign. Call this only if nothing else shows that the labels are classes.

    Args:
        labels: Class indices of training images [size], at least one.
        label: The name of the array in the error.
    """
    used, classes, lowest = len(np.unique(labels)), int(labels.max()) + 1, int(labels.min())
    gaps = used >= _MIN_DIFFERENT_LABELS and len(labels) < _FEW_IMAGES * used and used < _MAX_USED_SHARE * classes
    most_empty = classes >= _MANY_CLASSES and 2 * used < classes
    if (gaps and lowest >= _FAR_FROM_0) or (most_empty and (len(labels) < _HARDLY_ANY_IMAGES * used or lowest > used)):
        raise DatasetError(
            f"{label} holds {used:,} different numbers from {lowest:,} to {labels.max():,} for {len(labels):,} "
            f"images, which look like numbers to be predicted: {_REGRESSION}. If they are classes, name them all in "
            "class_names, or count them from 0 without gaps (numpy.unique with return_inverse=True does, over y_train "
            "and y_test together; one by one they could be numbered differently)."
        )


def not_whole_number(value: object, image: int) -> str:
    """Return what is wrong with a label that is not a whole number."""
    return f"labels must be whole numbers, found {value} for image {image}; {_REGRESSION}"


def out_of_range(low: object, high: object, classes: int) -> str:
    """Return what is wrong with labels that are not indices of this many classes."""
    return (
        f"labels must lie in 0..{classes - 1}, one for each class from 0, found {low}..{high}; if they are classes, "
        f"count them from 0; {_REGRESSION}"
    )


def not_one_hot(labels: NDArray[Any], broken: NDArray[np.bool_]) -> str:
    """Return what is wrong with one-hot labels.

    Args:
        labels: Numbers [size, classes].
        broken: [size], true for each row that is not one 1 and otherwise 0; at least one is true.
    """
    number = int(np.argmax(broken))
    sentence, row = "each row of one-hot labels must hold one 1 and else 0", labels[number].astype(np.float64)
    if np.isin(labels, (0, 1)).all():
        ones = np.count_nonzero(labels, axis=1)
        if ones.max() > 1:
            number = int(np.argmax(ones > 1))
            return (
                f"{sentence}, row {number} holds {ones[number]}: where several labels may apply, give --task "
                "multilabel (in Python task=)"
            )
        return f"{sentence}, row {number} does not: it holds no 1"
    if (row >= 0).all() and abs(row.sum() - 1) < _ROUNDING:
        return f"{sentence}, row {number} does not: it holds shares (soft labels); save labels.argmax(axis=1)"
    return f"{sentence}, row {number} does not; {_REGRESSION}"


def counted_from_one(lowest: int, classes: int, names: int) -> str:
    """Return a hint if there is one name too few because no label is 0; otherwise an empty text."""
    if lowest == 1 and names == classes - 1:
        return f" Labels count from 0, and these go from 1 to {classes - 1}: subtract 1."
    return ""
