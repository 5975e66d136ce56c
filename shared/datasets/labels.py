"""Labels that are not what they seem: numbers to be predicted, several classes in a row, classes counted from 1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError

#: Fewer different labels may be anything.
_FEWEST_VALUES = 20
#: With fewer images for each label in use, and labels between them out of use, they may be measurements.
_FEW_IMAGES = 5
_MOST_IN_USE = 0.9
#: Classes count from 0. Where over half are in use, the first ten are missing by chance once in a thousand.
_FAR_FROM_0 = 10
#: Of so many classes most have no image: years that begin late, or identifiers and prices with hardly two images each.
_MANY_CLASSES = 100
_HARDLY_ANY_IMAGES = 2
#: Shares of float16 add up to 1 as nearly as this.
_ROUNDING = 1e-2

_REGRESSION = "deepchord predicts classes, and no numbers yet (regression)"


def check_classes(labels: NDArray[np.int64], label: str) -> None:
    """Raise `DatasetError` if labels look like numbers to be predicted rather than like classes.

    They do if many different ones come for few images with others between them that never come, and begin far from
    0; or if of very many classes most have no image, and the others hardly two or a long way to 0. Classes of which
    images were drawn by chance, or of which most are rare, do neither. To be asked only where nothing else tells that
    classes are meant.

    Args:
        labels: Class indices of training images, at least one.
        label: What the error calls the array.
    """
    used, classes, lowest = len(np.unique(labels)), int(labels.max()) + 1, int(labels.min())
    gaps = used >= _FEWEST_VALUES and len(labels) < _FEW_IMAGES * used and used < _MOST_IN_USE * classes
    most_empty = classes >= _MANY_CLASSES and 2 * used < classes
    if (gaps and lowest >= _FAR_FROM_0) or (most_empty and (len(labels) < _HARDLY_ANY_IMAGES * used or lowest > used)):
        raise DatasetError(
            f"{label} holds {used:,} different numbers from {lowest:,} to {labels.max():,} for {len(labels):,} "
            f"images, which look like numbers to be predicted: {_REGRESSION}. If they are classes, name them all in "
            "class_names, or count them from 0 without gaps (numpy.unique with return_inverse=True does, over y_train "
            "and y_test together; one by one they could be numbered differently)."
        )


def no_class(value: object, image: int) -> str:
    """Return what is wrong with a label that is no whole number."""
    return f"labels must be whole numbers, found {value} for image {image}; {_REGRESSION}"


def out_of_range(low: object, high: object, classes: int) -> str:
    """Return what is wrong with labels that are no indices of so many classes."""
    return (
        f"labels must lie in 0..{classes - 1}, one for each class from 0, found {low}..{high}; if they are classes, "
        f"count them from 0; {_REGRESSION}"
    )


def no_one_hot(labels: NDArray[Any], broken: NDArray[np.bool_]) -> str:
    """Return what is wrong with one-hot labels.

    Args:
        labels: Numbers [size, classes].
        broken: [size], which rows do not hold one 1 and else 0; at least one does not.
    """
    number = int(np.argmax(broken))
    sentence, row = "each row of one-hot labels must hold one 1 and else 0", labels[number].astype(np.float64)
    if np.isin(labels, (0, 1)).all():
        ones = np.count_nonzero(labels, axis=1)
        if ones.max() > 1:
            number = int(np.argmax(ones > 1))
            return (
                f"{sentence}, row {number} holds {ones[number]}: several classes for an image (multi-label) are not "
                "possible, give each its one class"
            )
        return f"{sentence}, row {number} does not: it holds no 1"
    if (row >= 0).all() and abs(row.sum() - 1) < _ROUNDING:
        return f"{sentence}, row {number} does not: it holds shares (soft labels); save labels.argmax(axis=1)"
    return f"{sentence}, row {number} does not; {_REGRESSION}"


def counted_from_one(lowest: int, classes: int, names: int) -> str:
    """Return what to add where there is a name too few because nothing has the label 0; else nothing."""
    if lowest == 1 and names == classes - 1:
        return f" Labels count from 0, and these go from 1 to {classes - 1}: subtract 1."
    return ""
