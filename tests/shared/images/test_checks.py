import numpy as np
import pytest

from deepchord.shared.errors import DatasetError
from deepchord.shared.images import checked_images


def test_images_of_uint8_with_channels_are_not_copied():
    images = np.zeros((4, 32, 32, 3), np.uint8)

    assert np.shares_memory(checked_images(images, "x"), images)


def test_grey_images_get_their_one_channel_without_a_copy():
    images = np.zeros((4, 28, 28), np.uint8)

    found = checked_images(images, "x")

    assert found.shape == (4, 28, 28, 1)
    assert np.shares_memory(found, images)


def test_transposed_images_become_contiguous():
    images = np.zeros((4, 3, 8, 9), np.uint8).transpose(0, 2, 3, 1)

    assert checked_images(images, "x").flags.c_contiguous


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", ">i4", "i8", "u8"])
def test_whole_numbers_in_0_to_255_become_uint8(dtype: str):
    found = checked_images(np.full((2, 3, 3), 100, dtype), "x")

    assert found.dtype == np.uint8
    assert (found == 100).all()


@pytest.mark.parametrize("value", [-1, 256])
def test_whole_numbers_out_of_0_to_255_are_refused(value: int):
    images = np.zeros((2, 3, 3), np.int32)
    images[1, 1, 1] = value

    with pytest.raises(DatasetError, match=r"x: whole numbers must lie in 0\.\.255, found .*" + str(value)):
        checked_images(images, "x")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_floats_become_float32_and_keep_their_values(dtype: str):
    found = checked_images(np.full((2, 3, 3), -2.5, dtype), "x")

    assert found.dtype == np.float32
    assert found.dtype.isnative
    assert (found == -2.5).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_the_first_image_that_is_not_finite_in_float32_is_named(value: float):
    images = np.zeros((5, 3, 3))
    images[3, 1, 2] = value

    with pytest.raises(DatasetError, match="x: image 3 holds a value that is not finite"):
        checked_images(images, "x")


def test_truth_values_become_0_and_255_so_that_a_network_sees_0_and_1():
    found = checked_images(np.array([[[True, False]]]), "x")

    assert found.dtype == np.uint8
    assert found.ravel().tolist() == [255, 0]


@pytest.mark.parametrize("dtype", ["c8", "U3"])
def test_images_of_other_types_are_refused(dtype: str):
    with pytest.raises(DatasetError, match="x: expected uint8 or floats, found"):
        checked_images(np.zeros((2, 3, 3), dtype), "x")


@pytest.mark.parametrize("shape", [(), (5,), (5, 784), (5, 2, 3, 4, 5)])
def test_images_of_another_rank_are_refused(shape: tuple[int, ...]):
    with pytest.raises(DatasetError, match=r"x: expected images as .*found the shape \["):
        checked_images(np.zeros(shape, np.uint8), "x")


@pytest.mark.parametrize("shape", [(0, 28, 28), (5, 0, 28), (5, 28, 28, 0)])
def test_no_images_or_no_pixels_are_refused(shape: tuple[int, ...]):
    with pytest.raises(DatasetError, match="x holds no images or no pixels"):
        checked_images(np.zeros(shape, np.uint8), "x")
