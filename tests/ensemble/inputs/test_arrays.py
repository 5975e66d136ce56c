import warnings

import numpy as np
import pytest
from PIL import Image

from deepchord.ensemble.inputs import as_images
from deepchord.shared.errors import DeepchordError, InputError
from deepchord.shared.messages import DatasetInfo, PixelValues


def info(shape: tuple[int, int, int] = (4, 4, 1), pixels: PixelValues | None = None) -> DatasetInfo:
    return DatasetInfo(
        name="it", sha256="0" * 64, input_shape=shape, class_names=("a", "b"), train_size=1, test_size=1, pixels=pixels
    )


WHOLE = PixelValues(type="uint8", lowest=0, highest=255)
STANDARDIZED = PixelValues(type="float32", lowest=-2.1, highest=2.6)


@pytest.mark.parametrize(
    ("shape", "given", "images"),
    [
        ((4, 4, 1), (7, 4, 4, 1), 7),
        ((4, 4, 1), (7, 4, 4), 7),
        ((4, 4, 1), (4, 4, 1), 1),
        ((4, 4, 1), (4, 4), 1),
        ((4, 4, 1), (4, 4, 4), 4),
        ((4, 5, 3), (4, 5, 3), 1),
        ((4, 5, 3), (2, 4, 5, 3), 2),
        ((1, 1, 1), (1, 1, 1), 1),
    ],
)
def test_arrays_of_one_or_more_images_get_four_axes(shape, given, images):
    assert as_images(np.zeros(given, np.uint8), info(shape)).shape == (images, *shape)


def test_lists_of_arrays_pictures_and_paths_are_one_array(tmp_path):
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "it.png")

    found = as_images([pixels, picture, tmp_path / "it.png", str(tmp_path / "it.png"), pixels[..., None]], info())

    assert found.shape == (5, 4, 4, 1)
    assert (found == pixels[..., None]).all()
    assert as_images(picture, info()).shape == as_images(str(tmp_path / "it.png"), info()).shape == (1, 4, 4, 1)
    assert (as_images(pixels.tolist(), info())[0, ..., 0] == pixels).all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (np.zeros((2, 5, 4, 1), np.uint8), r"Images of the array are 5x4x1 .* the networks take 4x4x1"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"are 4x4x3 .* the networks take 4x4x1"),
        (np.zeros(16, np.uint8), r"Expected images as \[images, 4, 4, 1\] or \[images, 4, 4\], .*has the shape \[16\]"),
        (np.zeros((0, 4, 4, 1), np.uint8), r"at least one; the array has the shape \[0, 4, 4, 1\]"),
        (np.zeros((2, 4, 4, 1), complex), "expected uint8 or floats, found complex128"),
        (np.full((2, 4, 4, 1), np.nan), "image 0 holds a value that is not finite"),
        (np.full((2, 4, 4, 1), 300), r"whole numbers must lie in 0\.\.255, found 300"),
        (np.array([["x"] * 4] * 4), "expected uint8 or floats"),
        ([], "Expected images"),
        ([np.zeros((2, 4, 4), np.uint8)], "Image 0 of the list has the shape"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 4))], "hold float32 and uint8: .* give all of them in one type"),
        ("nothing.png", "There is no file nothing.png"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected_and_found(given, sentence):
    with pytest.raises(DeepchordError, match=sentence):
        as_images(given, info())


def test_other_sizes_and_channels_are_fitted_when_that_is_asked_for():
    colours = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)

    assert as_images(colours, info(), "resize").shape == (1, 4, 4, 1)
    assert as_images(np.stack([colours] * 2), info(), "resize").shape == (2, 4, 4, 1)
    assert as_images(Image.fromarray(colours), info((5, 6, 3)), "resize").shape == (1, 5, 6, 3)


def test_one_image_with_transparency_is_not_many_grey_ones():
    assert as_images(np.zeros((8, 8, 4), np.uint8), info(), "resize").shape == (1, 4, 4, 1)
    with pytest.raises(InputError, match="Images of the array are 9x8x3"):
        as_images(np.zeros((9, 8, 3), np.uint8), info())
    with pytest.raises(InputError, match="fit is 'crop'; expected 'none' or 'resize'"):
        as_images(np.zeros((4, 4), np.uint8), info(), "crop")


def test_floats_that_are_obviously_scaled_otherwise_are_told():
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 4, 4, 1))

    with pytest.warns(UserWarning, match=r"floats from .* on values from 0 to 1; .* divide them by 255, or give"):
        as_images(pixels, info(pixels=WHOLE))
    with pytest.warns(UserWarning, match=r"trained on values from -2\.1 to 2\.6"):
        as_images(pixels, info(pixels=STANDARDIZED))
    with pytest.warns(UserWarning, match="most likely scaled wrongly"):
        as_images(pixels / 255, info(pixels=PixelValues(type="float32", lowest=0, highest=255)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_images(pixels / 255, info(pixels=WHOLE))
        as_images(pixels / 255 * 1.02, info(pixels=WHOLE))
        as_images(pixels.astype(np.uint8), info(pixels=WHOLE))
        as_images(pixels, info(pixels=None))


def test_whole_numbers_are_refused_by_networks_that_saw_standardized_floats():
    pixels = np.zeros((1, 4, 4, 1), np.uint8)

    with pytest.raises(InputError, match=r"trained on floats from -2\.1 to 2\.6, and these images are whole numbers"):
        as_images(pixels, info(pixels=STANDARDIZED))
    assert as_images(pixels, info(pixels=PixelValues(type="float32", lowest=0, highest=1))).shape == (1, 4, 4, 1)
