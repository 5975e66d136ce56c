"""Counts images that occur several times: in training and test, or within the training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Copies:
    """How many images are equal to others, to the last bit."""

    #: Test images that are training images, too; and those of them that have another class there.
    test_in_train: int
    test_in_train_otherwise: int
    #: Training images that are equal to an earlier one; and images that occur with several classes.
    within_train: int
    within_train_otherwise: int


def count_copies(
    train: NDArray[np.uint64], y_train: NDArray[Any], test: NDArray[np.uint64], y_test: NDArray[Any]
) -> Copies:
    """Return how many images are equal to others.

    Args:
        train: [train_size], the fingerprints of the training images.
        y_train: [train_size], class indices; or numbers or labels, [train_size, targets].
        test: [test_size], the fingerprints of the test images, which are of the same type and shape.
        y_test: [test_size], class indices; or numbers or labels, [test_size, targets].
    """
    if y_train.ndim == 2:
        _, codes = np.unique(np.concatenate([y_train, y_test]), axis=0, return_inverse=True)
        y_train, y_test = np.split(codes.reshape(-1), [len(y_train)])
    distinct, position = np.unique(train, return_inverse=True)
    several = _with_several_classes(position.reshape(-1), y_train, len(distinct))
    common = np.isin(test, distinct)
    with_class = set(zip(train.tolist(), y_train.tolist(), strict=True))
    otherwise = [
        pair for pair in zip(test[common].tolist(), y_test[common].tolist(), strict=True) if pair not in with_class
    ]
    return Copies(
        test_in_train=int(common.sum()),
        test_in_train_otherwise=len(otherwise),
        within_train=len(train) - len(distinct),
        within_train_otherwise=several,
    )


def _with_several_classes(position: NDArray[np.intp], labels: NDArray[np.int64], distinct: int) -> int:
    lowest = np.full(distinct, np.iinfo(np.int64).max)
    highest = np.full(distinct, -1)
    np.minimum.at(lowest, position, labels)
    np.maximum.at(highest, position, labels)
    return int((lowest != highest).sum())
