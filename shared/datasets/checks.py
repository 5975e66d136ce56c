"""Checks and converts labels and class names before anything is trained on them."""

import sys
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.labels import counted_from_one, not_one_hot, not_whole_number, out_of_range
from deepchord.shared.datasets.outlines import check_label_outline
from deepchord.shared.errors import DatasetError

#: A larger label is considered a mistake (an identifier, a year) rather than a class.
MAX_CLASSES = 10_000
#: A longer name of a class is considered a mistake, too.
MAX_NAME_LENGTH = 1_000


def check_alike(train: NDArray[Any], test: NDArray[Any], source: str) -> None:
    """Raise `DatasetError` unless training and test images have the same type, so that both are scaled equally."""
    if train.dtype != test.dtype:
        raise DatasetError(
            f"{source}: x_train holds {train.dtype} and x_test {test.dtype}, which would be scaled differently; "
            "save both in one type."
        )


def checked_labels(labels: NDArray[Any], size: int, label: str) -> tuple[NDArray[np.int64], int]:
    """Return labels as class indices, and the number of classes that the array shows.

    Args:
        labels: [size] or [size, 1] whole numbers from 0 (any number type), or one-hot [size, classes].
        size: The number of images.
        label: The name of the array in errors.

    Returns:
        int64 [size], and the width of a one-hot array or else the largest label + 1.

    Raises:
        DatasetError: The shape or type is not valid, there is not one label per image, or a label is not a class index.
    """
    check_label_outline(labels, size, label)
    if labels.ndim == 2 and labels.shape[1] > 1:
        return _from_one_hot(labels, label), _checked_class_count(labels.shape[1], label)
    indices = _from_numbers(labels.reshape(size), label)
    return indices, _checked_class_count(int(indices.max()) + 1, label)


def checked_sample_weights(weights: NDArray[Any], size: int, label: str) -> NDArray[np.float32]:
    """Return how much each training image counts, float32 [size].

    Args:
        weights: [size] or [size, 1], numbers of at least 0, not all of them 0.
        size: The number of images.
        label: The name of the array in errors.

    Raises:
        DatasetError: There is not one such number per image.
    """
    if weights.dtype.kind not in "buif" or weights.shape not in ((size,), (size, 1)):
        raise DatasetError(
            f"{label}: expected a number for each of {size} images, found {weights.dtype} of shape {weights.shape}."
        )
    found = weights.reshape(size).astype(np.float32)
    if not np.isfinite(found).all() or found.min() < 0 or not found.any():
        raise DatasetError(f"{label}: weights must be finite, at least 0, and not all 0.")
    return found


def check_coverage(train: NDArray[np.int64], test: NDArray[np.int64], source: str) -> None:
    """Raise `DatasetError` if the training labels have fewer than two classes, or a test label is beyond them."""
    low, high = int(train.min()), int(train.max())
    if low == high:
        raise DatasetError(f"{source}: at least 2 classes are needed, y_train holds only the label {low}.")
    if test.max() > high:
        raise DatasetError(
            f"{source}: y_test holds the label {test.max()}, beyond those of y_train, which end at {high}; "
            "a network cannot know that class."
        )


def checked_class_names(
    names: NDArray[Any] | None, classes: int, source: str, lowest_label: int = 0
) -> tuple[str, ...]:
    """Return the names of the classes; without names they are `0`, `1` and so on.

    Args:
        names: Strings [at least classes], or bytes of UTF-8, not empty, printable, all different; further names are
            classes without images.
        classes: The number of classes that the labels show.
        source: The name of the file in errors.
        lowest_label: The lowest label of all.

    Raises:
        DatasetError: The shape or type is not valid, there are too few names, or two names are equal.
    """
    if names is None:
        return tuple(str(index) for index in range(classes))
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise DatasetError(
            f"{source}: expected class_names as strings [classes], found {names.dtype} {list(names.shape)}; "
            "save numpy.array(names, dtype=str)."
        )
    if not classes <= len(names) <= MAX_CLASSES:
        hint = counted_from_one(lowest_label, classes, len(names))
        raise DatasetError(f"{source}: class_names holds {len(names)} names for {classes} classes.{hint}")
    texts = tuple(_text(name, source) for name in _characters(names, source).tolist())
    if not all(name.strip() and name.isprintable() for name in texts):
        raise DatasetError(f"{source}: class_names holds a name that is empty or cannot be printed.")
    if max(map(len, texts)) > MAX_NAME_LENGTH:
        raise DatasetError(f"{source}: class_names holds a name of more than {MAX_NAME_LENGTH} characters.")
    if len({unicodedata.normalize("NFC", name) for name in texts}) < len(texts):
        raise DatasetError(f"{source}: class_names holds a name twice.")
    return texts


def _characters(names: NDArray[Any], source: str) -> NDArray[Any]:
    """Return strings that Python can hold; NumPy stores characters as numbers, and does not check them."""
    if names.dtype.kind == "U" and names.dtype.itemsize:
        numbers = np.ascontiguousarray(names.astype(names.dtype.newbyteorder("="))).view(np.uint32)
        if numbers.max() > sys.maxunicode:
            raise DatasetError(f"{source}: class_names holds numbers that are no characters; the file is damaged.")
    return names


def _text(name: str | bytes, source: str) -> str:
    try:
        return name.decode() if isinstance(name, bytes) else name
    except UnicodeDecodeError as error:
        raise DatasetError(f"{source}: class_names holds bytes that are no UTF-8: {name!r}.") from error


def _from_numbers(labels: NDArray[Any], label: str) -> NDArray[np.int64]:
    if labels.dtype.kind == "f" and (broken := labels != np.rint(labels)).any():
        first = int(np.argmax(broken))
        raise DatasetError(f"{label}: {not_whole_number(labels[first], first)}.")
    low, high = labels.min(), labels.max()
    if low < 0 or high >= MAX_CLASSES:
        raise DatasetError(f"{label}: {out_of_range(low, high, MAX_CLASSES)}.")
    return labels.astype(np.int64, copy=False)


def _from_one_hot(labels: NDArray[Any], label: str) -> NDArray[np.int64]:
    hot: NDArray[np.int64] = labels.argmax(axis=1).astype(np.int64, copy=False)
    broken = (labels[np.arange(len(labels)), hot] != 1) | (np.count_nonzero(labels, axis=1) != 1)
    if broken.any():
        raise DatasetError(f"{label}: {not_one_hot(labels, broken)}.")
    return hot


def _checked_class_count(classes: int, label: str) -> int:
    if classes > MAX_CLASSES:
        raise DatasetError(f"{label} speaks of {classes} classes; at most {MAX_CLASSES} are possible.")
    return classes
