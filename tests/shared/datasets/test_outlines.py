from typing import Any

import numpy as np
import pytest

from deepchord.shared.datasets.outlines import check_outlines, with_channels_last
from deepchord.shared.errors import DatasetError


def arrays(train: tuple[int, ...], test: tuple[int, ...] | None = None, size: int | None = None) -> dict[str, Any]:
    test = test or (2, *train[1:])
    return {
        "x_train": np.zeros(train, np.uint8),
        "y_train": np.zeros(size or train[0], np.uint8),
        "x_test": np.zeros(test, np.uint8),
        "y_test": np.zeros(test[0], np.uint8),
    }


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 224, 320), (4, 64, 64), (13, 64, 64), (1, 8, 8)])
def test_images_whose_channels_seem_to_come_first_are_refused_with_both_remedies(shape: tuple[int, int, int]):
    channels, height, width = shape

    with pytest.raises(DatasetError) as raised:
        with_channels_last(arrays((5, *shape)), "there", None)

    assert f"{height}x{width} pixels with {channels} channels that come first" in str(raised.value)
    assert "--images-channels-first (in a recipe: channels_first = true) turns them" in str(raised.value)
    assert "say --images-channels-last" in str(raised.value)


@pytest.mark.parametrize(
    "shape", [(28, 28), (28, 28, 1), (32, 32, 3), (64, 64, 13), (4, 4, 512), (1, 28, 1), (3, 224, 3), (7, 7, 512)]
)
def test_images_whose_channels_come_last_stay_as_they_are(shape: tuple[int, ...]):
    found = with_channels_last(arrays((5, *shape)), "there", None)

    assert found["x_train"].shape == (5, *shape)


def test_channels_that_come_first_are_turned_where_that_was_said():
    given = arrays((5, 3, 4, 6))
    given["x_train"][1, 2, 3, 4] = 7

    found = with_channels_last(given, "there", channels_first=True)

    assert found["x_train"].shape == (5, 4, 6, 3)
    assert found["x_test"].shape == (2, 4, 6, 3)
    assert found["x_train"][1, 3, 4, 2] == 7


def test_images_that_only_seem_to_have_their_channels_first_are_taken_where_that_was_said():
    assert with_channels_last(arrays((5, 1, 128, 9)), "there", channels_first=False)["x_train"].shape == (5, 1, 128, 9)


def test_grey_images_have_no_channels_to_turn():
    assert with_channels_last(arrays((5, 8, 9)), "there", channels_first=True)["x_train"].shape == (5, 8, 9)


@pytest.mark.parametrize("channels_first", [None, True, False])
def test_images_along_the_last_axis_are_refused_with_the_remedy(channels_first: bool | None):
    with pytest.raises(DatasetError, match=r"save numpy.moveaxis\(x_train, -1, 0\)"):
        with_channels_last(arrays((32, 32, 3, 50), size=50), "there", channels_first)


def test_images_for_training_and_testing_must_have_one_shape():
    with pytest.raises(DatasetError, match=r"there: images of x_train are 28x28x1 .*, those of x_test 32x32x3"):
        check_outlines(arrays((2, 28, 28), (2, 32, 32, 3)), "there")


def test_truth_values_and_numbers_do_not_go_together():
    given = arrays((2, 4, 4)) | {"x_test": np.zeros((2, 4, 4), np.bool_)}

    with pytest.raises(DatasetError, match="x_train holds uint8 and x_test bool"):
        check_outlines(given, "there")
