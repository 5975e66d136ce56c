from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from deepchord.shared.images import pixel_values
from deepchord.shared.messages import Recipe
from deepchord.worker.training.augmentation import augmented, value_range

#: Each of what a recipe can do to images.
CHANGES: tuple[dict[str, Any], ...] = (
    {"flip": True},
    {"shift": 2},
    {"cutout": 3},
    {"rotation": 20},
    {"zoom": 0.3},
    {"brightness": 0.3},
    {"contrast": 0.5},
    {"noise": 0.2},
    {"random_erasing": (0.1, 0.5)},
    {"rand_augment": 2},
)


def recipe(**changes: object) -> Recipe:
    values = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 16, "epochs": 4}
    return Recipe.model_validate({**values, "validation_fraction": 0.2, "patience": 1, **changes})


def changed(images: np.ndarray, how: Recipe, seed: int = 1) -> np.ndarray:
    return augmented(images, how, value_range(pixel_values(images)), np.random.default_rng(seed))


def drawn(shape: tuple[int, ...], kind: str = "uint8", seed: int = 0) -> np.ndarray:
    """Random images; floats are from -1 to 3."""
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return pixels if kind == "uint8" else (pixels / 63.75 - 1).astype(np.float32)


def middle_of_a_gradient(size: int) -> np.ndarray:
    """Images of 21x21 pixels that grow lighter to the right, without what a rotation brings in from outside."""
    return np.tile(np.linspace(0.2, 0.8, 21, dtype=np.float32)[None, None, :, None], (size, 21, 1, 1))


def test_without_augmentation_images_stay_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (8, 5, 4, 3), dtype=np.uint8)

    np.testing.assert_array_equal(changed(images, recipe()), images)


def test_about_half_of_the_images_are_mirrored_left_to_right():
    images = np.random.default_rng(0).integers(0, 256, (400, 5, 4, 3), dtype=np.uint8)

    found = changed(images, recipe(flip=True))

    mirrored = [np.array_equal(image, original[:, ::-1]) for image, original in zip(found, images, strict=True)]
    as_before = [np.array_equal(image, original) for image, original in zip(found, images, strict=True)]
    assert all(one != other for one, other in zip(mirrored, as_before, strict=True))
    assert 150 < sum(mirrored) < 250


def test_images_are_shifted_by_at_most_so_many_pixels_and_what_is_uncovered_is_zero():
    images = np.random.default_rng(0).integers(1, 256, (200, 7, 6, 2), dtype=np.uint8)

    found = changed(images, recipe(shift=2))

    assert found.shape == images.shape
    assert found.dtype == np.uint8
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    shifts = []
    for number, image in enumerate(found):
        fitting = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.array_equal(image, padded[number, down : down + 7, right : right + 6])
        ]
        assert len(fitting) == 1
        shifts += fitting
    assert len(set(shifts)) == 25


def test_a_square_around_any_pixel_is_set_to_zero_in_each_image():
    images = np.random.default_rng(0).integers(1, 256, (600, 7, 6, 2), dtype=np.uint8)

    found = changed(images, recipe(cutout=3))

    assert found.dtype == np.uint8
    squares = set()
    for image, original in zip(found, images, strict=True):
        hidden = (image == 0).all(axis=2)
        np.testing.assert_array_equal(image[~hidden], original[~hidden])
        rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
        assert hidden[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        squares.add((rows[0], rows[-1], columns[0], columns[-1]))
    sides = {(last - first + 1, right - left + 1) for first, last, left, right in squares}
    assert sides == {(2, 2), (2, 3), (3, 2), (3, 3)}
    assert len(squares) == 7 * 6


@given(
    height=st.integers(6, 12),
    width=st.integers(6, 12),
    channels=st.integers(1, 5),
    size=st.integers(1, 9),
    kind=st.sampled_from(["uint8", "float32"]),
    changes=st.sampled_from(CHANGES),
    seed=st.integers(0, 1000),
)
def test_shape_type_and_range_stay_and_the_same_seed_changes_alike(
    height: int, width: int, channels: int, size: int, kind: str, changes: dict[str, Any], seed: int
):
    images = drawn((size, height, width, channels), kind, seed)
    before = images.copy()

    found = changed(images, recipe(**changes), seed)

    assert (found.shape, found.dtype) == (images.shape, images.dtype)
    assert min(0, images.min()) <= found.min()
    assert found.max() <= max(0, images.max()) or kind == "uint8"
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(changed(images, recipe(**changes), seed), found)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_each_change_changes_images_and_another_seed_does_it_differently(changes: dict[str, Any], kind: str):
    images = drawn((20, 9, 8, 2), kind)

    one, other = (changed(images, recipe(**changes), seed) for seed in (1, 2))

    assert not np.array_equal(one, images)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_a_change_of_no_strength_is_none(kind: str):
    images = drawn((20, 9, 8, 2), kind)

    tiny = {"rotation": 1e-9, "zoom": 1e-9, "brightness": 1e-9, "contrast": 1e-9, "noise": 1e-9}

    np.testing.assert_allclose(changed(images, recipe(**tiny)), images, atol=1e-5)
    np.testing.assert_allclose(changed(images, recipe(rand_augment=3, rand_augment_magnitude=0)), images, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_rotated_images_are_those_of_scipy(channels: int):
    images = drawn((40, 9, 12, channels), "float32")

    found = changed(images, recipe(rotation=90))

    degrees = 90 * np.random.default_rng(1).uniform(-1, 1, 40)
    for image, one, angle in zip(images, found, degrees, strict=True):
        radians = np.deg2rad(angle)
        matrix = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
        middle = np.array([4.0, 5.5])
        for channel in range(channels):
            # Outside, SciPy's interpolation reaches into the zeros only if they are there.
            padded = np.pad(image[..., channel], 20)
            expected = ndimage.affine_transform(padded, matrix, middle + 20 - matrix @ (middle + 20), order=1)
            np.testing.assert_allclose(one[..., channel], expected[20:-20, 20:-20], atol=1e-4)


def test_zoomed_images_are_magnified_about_their_middle():
    images = middle_of_a_gradient(200)

    found = changed(images, recipe(zoom=0.2))

    slopes = (found[:, 10, 12, 0] - found[:, 10, 8, 0]) / (images[0, 10, 12, 0] - images[0, 10, 8, 0])
    np.testing.assert_allclose(found[:, 10, 10, 0], 0.5, atol=1e-5)
    assert 1 / 1.2 <= slopes.min() < 0.85
    assert 1.2 < slopes.max() <= 1 / 0.8 + 1e-4


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_brightness_is_added_as_a_share_of_the_range_of_values(kind: str):
    images = drawn((300, 4, 4, 1), kind)
    width = np.ptp(value_range(pixel_values(images)))
    images[:, 0, 0, 0] = images.min() + images.dtype.type(width / 2)

    found = changed(images, recipe(brightness=0.25))[:, 0, 0, 0].astype(float) - images[0, 0, 0, 0]

    assert 0.24 * width < found.max() <= 0.25 * width + 1
    assert 0.24 * width < -found.min() <= 0.25 * width + 1
    assert abs(found.mean()) < 0.03 * width


def test_contrast_changes_the_differences_from_the_mean_of_an_image():
    images = middle_of_a_gradient(300)
    images[0, 0, :2, 0] = -5, 5

    found = changed(images, recipe(contrast=0.5))[1:]

    factors = found.std(axis=(1, 2, 3)) / images[1:].std(axis=(1, 2, 3))
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), 0.5, atol=1e-5)
    assert 0.5 <= factors.min() < 0.52
    assert 1.48 < factors.max() <= 1.5001


def test_noise_is_normal_with_a_share_of_the_range_as_its_deviation():
    images = np.full((200, 10, 10, 1), 128, np.uint8)

    found = changed(images, recipe(noise=0.1)).astype(float)

    assert found.mean() == pytest.approx(128, abs=1)
    assert found.std() == pytest.approx(25.5, rel=0.03)


def test_half_of_the_images_get_a_rectangle_of_random_values():
    images = np.zeros((2000, 20, 10, 1), np.uint8)

    found = changed(images, recipe(random_erasing=(0.1, 0.3))) > 0

    areas = found.mean(axis=(1, 2, 3))
    assert np.mean(areas > 0) == pytest.approx(0.5, abs=0.05)
    assert np.quantile(areas[areas > 0], [0.02, 0.98]) == pytest.approx([0.1, 0.3], abs=0.03)
    sides = {(one.any(axis=(1, 2)).sum(), one.any(axis=(0, 2)).sum()) for one in found if one.any()}
    assert any(height > width for height, width in sides)
    assert any(height < width for height, width in sides)


def test_features_get_noise_of_their_own_unit():
    rows = np.random.default_rng(0).normal(0, 100, (500, 30)).astype(np.float32)

    found = changed(rows, recipe(feature_noise=0.5))

    assert found.dtype == np.float32
    assert (found - rows).std() == pytest.approx(0.5, rel=0.03)
