import re

import numpy as np
import pytest

from deepchord.shared.datasets.checks import checked_labels
from deepchord.shared.datasets.labels import check_classes
from deepchord.shared.errors import DatasetError

RANDOM = np.random.default_rng(3)


def long_tailed(images: int, classes: int) -> np.ndarray:
    """Return labels of which a few are frequent and most are rare, in no order."""
    shares = 1 / np.arange(1, classes + 1)
    return RANDOM.permutation(classes)[RANDOM.choice(classes, images, p=shares / shares.sum())]


@pytest.mark.parametrize(
    "labels",
    [
        RANDOM.integers(25, 347, 442),  # a measurement of 442 people
        RANDOM.integers(1922, 2012, 50_000),  # years
        RANDOM.integers(0, 10_000, 3_000),  # prices, identifiers
    ],
    ids=["measurements", "years", "prices"],
)
def test_labels_that_look_like_numbers_to_be_predicted_are_refused(labels: np.ndarray):
    with pytest.raises(
        DatasetError, match=r"y holds .* different numbers from .* look like numbers to be predicted"
    ) as found:
        check_classes(labels, "y")
    assert re.search(r"name them all in class_names, or .* over y_train and y_test together", str(found.value))


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(4_000) % 400,  # few images of many people
        np.repeat(np.arange(1_000), 2),
        np.array([3, 5] * 10),  # two of the ten classes of a larger set
        RANDOM.integers(1, 117, 20_000),  # ages, of which each has many images
        RANDOM.integers(0, 2, 30),
        np.arange(1, 11),
        1 + RANDOM.integers(0, 99, 150),  # few images of the classes 0 to 99, none of the first
        RANDOM.integers(0, 1_000, 2_000),
        long_tailed(600, 200),
        long_tailed(3_000, 1_000),
        RANDOM.permutation(1_000)[RANDOM.integers(0, 100, 5_000)],  # a tenth of the classes of a larger set
    ],
    ids=["people", "thousand", "part", "ages", "two", "from one", "drawn", "drawn 1000", "tail", "tail 1000", "tenth"],
)
def test_classes_are_taken_for_classes(labels: np.ndarray):
    check_classes(labels, "y")


def test_several_classes_in_a_row_are_called_multi_label():
    rows = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0]])

    with pytest.raises(
        DatasetError, match=r"y: each row .* row 2 holds 2: where several labels may apply, give --task multilabel"
    ):
        checked_labels(rows, 3, "y")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([0, 0], "row 1 does not: it holds no 1"),
        ([0.9, 0.1], r"it holds shares \(soft labels\); save labels.argmax"),
        ([3.5, 12], r"for numbers to be predicted give --task regression"),
    ],
)
def test_a_row_that_is_not_one_hot_is_called_what_it_is(row: list[float], said: str):
    with pytest.raises(DatasetError, match=said):
        checked_labels(np.array([[1, 0], row]), 2, "y")


def test_fractions_as_labels_are_called_numbers_to_be_predicted():
    with pytest.raises(DatasetError, match=r"found 22.6 for image 1; for numbers to be predicted give"):
        checked_labels(np.array([24.0, 22.6]), 2, "y")
