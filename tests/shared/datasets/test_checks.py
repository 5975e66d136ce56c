import numpy as np
import pytest

from deepchord.shared.datasets.checks import (
    MAX_CLASSES,
    check_alike,
    check_coverage,
    checked_class_names,
    checked_labels,
    checked_sample_weights,
)
from deepchord.shared.errors import DatasetError


def test_images_for_training_and_testing_must_have_one_type():
    with pytest.raises(DatasetError, match="x_train holds uint8 and x_test float32"):
        check_alike(np.zeros((2, 3, 3, 1), np.uint8), np.zeros((2, 3, 3, 1), np.float32), "there")


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_whole_numbers_are_labels_in_any_number_type(dtype: str, shape: tuple[int, ...]):
    indices, classes = checked_labels(np.array([0, 2, 1, 2], dtype).reshape(shape), 4, "y")

    assert indices.dtype == np.int64
    assert indices.tolist() == [0, 2, 1, 2]
    assert classes == 3


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "?"])
def test_one_hot_rows_are_labels_and_their_width_is_the_number_of_classes(dtype: str):
    indices, classes = checked_labels(np.eye(5)[[0, 2, 1, 2]].astype(dtype), 4, "y")

    assert indices.dtype == np.int64
    assert indices.tolist() == [0, 2, 1, 2]
    assert classes == 5


@pytest.mark.parametrize("row", [[0.5, 0.5], [0, 0], [2, 0], [1, -1], [np.nan, 1]])
def test_a_row_that_is_not_one_hot_is_named(row: list[float]):
    with pytest.raises(DatasetError, match=r"y: each row of one-hot labels .* row 1 does not"):
        checked_labels(np.array([[1, 0], row, [0, 1]]), 3, "y")


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_a_label_that_is_no_whole_number_is_named(value: float):
    with pytest.raises(DatasetError, match=f"y: labels must be whole numbers, found {value} for image 1"):
        checked_labels(np.array([0, value, 1]), 3, "y")


@pytest.mark.parametrize("value", [-1, MAX_CLASSES, np.inf])
def test_a_label_out_of_range_is_refused(value: float):
    with pytest.raises(DatasetError, match=r"y: labels must lie in 0\.\.9999"):
        checked_labels(np.array([0, value, 1]), 3, "y")


def test_more_one_hot_classes_than_possible_are_refused():
    with pytest.raises(DatasetError, match="y speaks of 10001 classes"):
        checked_labels(np.eye(2, MAX_CLASSES + 1, dtype=np.uint8), 2, "y")


@pytest.mark.parametrize("shape", [(), (3, 0), (3, 2, 2)])
def test_labels_of_another_shape_are_refused(shape: tuple[int, ...]):
    with pytest.raises(DatasetError, match="y: expected labels as"):
        checked_labels(np.zeros(shape), 3, "y")


def test_labels_that_are_text_are_refused():
    with pytest.raises(DatasetError, match="y: expected numbers as labels, found <U3"):
        checked_labels(np.array(["cat", "dog"]), 2, "y")


@pytest.mark.parametrize("size", [0, 2])
def test_there_must_be_one_label_per_image(size: int):
    with pytest.raises(DatasetError, match=f"y holds {size} labels for 3 images"):
        checked_labels(np.zeros(size), 3, "y")


def test_at_least_two_classes_are_needed_for_training():
    with pytest.raises(DatasetError, match="at least 2 classes are needed, y_train holds only the label 1"):
        check_coverage(np.array([1, 1]), np.array([0]), "there")


def test_a_test_label_beyond_those_for_training_is_named():
    with pytest.raises(DatasetError, match="y_test holds the label 7, beyond those of y_train, which end at 1"):
        check_coverage(np.array([0, 1]), np.array([0, 7]), "there")


def test_classes_without_names_are_called_by_their_numbers():
    assert checked_class_names(None, 3, "there") == ("0", "1", "2")


def test_class_names_may_be_bytes():
    assert checked_class_names(np.array([b"cat", "Bär".encode()]), 2, "there") == ("cat", "Bär")


def test_a_name_too_few_for_labels_that_count_from_one_says_so():
    names = np.array(list("abcdefghij"))

    with pytest.raises(DatasetError, match=r"10 names for 11 classes\. Labels count from 0, and these go from 1 to 10"):
        checked_class_names(names, 11, "there", lowest_label=1)
    with pytest.raises(DatasetError, match=r"10 names for 11 classes\.$"):
        checked_class_names(names, 11, "there", lowest_label=0)


def test_class_names_may_name_classes_without_an_image():
    assert checked_class_names(np.array(["cat", "dog", "cow"]), 2, "there") == ("cat", "dog", "cow")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (np.array(["cat"]), "class_names holds 1 names for 2 classes"),
        (np.array([f"{index}" for index in range(MAX_CLASSES + 1)]), "class_names holds 10001 names"),
        (np.array([["cat", "dog"]]), "expected class_names as strings"),
        (np.array([b"cat", b"d\xffg"]), "bytes that are no UTF-8"),
        (np.array(["cat", " "]), "empty or cannot be printed"),
        (np.array(["cat", "d\0g"]), "empty or cannot be printed"),
        (np.array(["cat", "cat"]), "holds a name twice"),
        (np.array(["é", "e\u0301"]), "holds a name twice"),
        (np.array([97, 0x110000], np.uint32).view("U1"), "numbers that are no characters"),
        (np.array([97, 0x110000], np.uint32).astype(">u4").view(">U1"), "numbers that are no characters"),
        (np.array([97, 0xD800], np.uint32).view("U1"), "empty or cannot be printed"),
        (np.zeros(2, "U0"), "empty or cannot be printed"),
        (np.array(["cat", "c" * 1001]), "a name of more than 1000 characters"),
        (np.arange(2), r"save numpy\.array\(names, dtype=str\)"),
    ],
)
def test_class_names_that_cannot_be_used_are_refused(names: np.ndarray, message: str):
    with pytest.raises(DatasetError, match=message):
        checked_class_names(names, 2, "there")


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f4", "f8"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_weights_of_images_are_numbers_of_any_type(dtype: str, shape: tuple[int, ...]):
    found = checked_sample_weights(np.array([0, 1, 1, 0], dtype).reshape(shape), 4, "w")

    assert found.dtype == np.float32
    assert found.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (np.ones(3), r"w: expected a number for each of 4 images, found float64 of shape \(3,\)"),
        (np.ones((4, 2)), "expected a number for each of 4 images"),
        (np.array("abcd"), "expected a number for each of 4 images"),
        (np.array(["1"] * 4), "expected a number for each of 4 images, found <U1"),
        (np.array([1, 1, -1, 1]), "w: weights must be finite, at least 0, and not all 0"),
        (np.array([1, 1, np.nan, 1]), "weights must be finite"),
        (np.array([1, 1, 1e300, 1]), "weights must be finite"),
        (np.zeros(4), "not all 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_weights_that_are_none_are_refused(weights: np.ndarray, sentence: str):
    with pytest.raises(DatasetError, match=sentence):
        checked_sample_weights(weights, 4, "w")
