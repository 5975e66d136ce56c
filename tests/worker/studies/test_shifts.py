import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepchord.shared.messages import SHIFT_KINDS, STRENGTHS
from tests.worker.studies.shifted import shift_images

KINDS = st.sampled_from(SHIFT_KINDS)
STRENGTH = st.integers(1, STRENGTHS)


def images(size: int, height: int = 12, width: int = 10, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, height, width, channels)).astype(np.uint8)


@given(KINDS, STRENGTH, st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_any_image_keeps_its_shape_type_and_range(kind, strength, size, height, width, channels):
    given_images = images(size, height, width, channels)

    changed = shift_images(given_images, kind, strength, 0, 255)
    floats = shift_images(given_images / np.float32(255) - np.float32(0.5), kind, strength, -0.5, 0.5)

    assert (changed.shape, changed.dtype) == (given_images.shape, np.uint8)
    assert (floats.shape, floats.dtype) == (given_images.shape, np.float32)
    assert floats.min() >= -0.5
    assert floats.max() <= 0.5
    # Floats and bytes of the same image are changed alike, up to the rounding of bytes.
    assert np.abs((floats + 0.5) * 255 - changed).max() <= 1


@pytest.mark.parametrize("kind", SHIFT_KINDS)
def test_each_strength_moves_images_further_than_the_one_before(kind):
    smooth = np.zeros((64, 28, 28, 1), dtype=np.uint8)
    smooth[:, 6:22, 9:19] = np.linspace(80, 200, 10, dtype=np.uint8)[:, None]

    distances = [
        np.abs(shift_images(smooth, kind, strength, 0, 255).astype(float) - smooth).mean()
        for strength in range(1, STRENGTHS + 1)
    ]

    assert distances == sorted(distances)
    assert distances[0] > 0


@pytest.mark.parametrize("kind", SHIFT_KINDS)
def test_the_same_images_are_changed_alike_however_many_follow(kind):
    many = images(1030)

    assert np.array_equal(shift_images(many[:1024], kind, 3, 0, 255), shift_images(many, kind, 3, 0, 255)[:1024])


def test_a_rotation_is_that_of_another_implementation():
    picture = np.zeros((1, 28, 28, 1), dtype=np.uint8)
    picture[0, 8:20, 4:12] = 200
    turned = shift_images(picture, "rotation", 3, 0, 255)[0, ..., 0].astype(float)

    by_pillow = [
        np.asarray(Image.fromarray(picture[0, ..., 0]).rotate(angle, Image.Resampling.BILINEAR), dtype=float)
        for angle in (30, -30)
    ]

    # The two take another centre by half a pixel, so edges differ, and nothing else.
    assert min(np.abs(turned - other).mean() for other in by_pillow) < 4
    assert max(np.abs(turned - other).mean() for other in by_pillow) > 10


def test_a_translation_moves_whole_pixels_and_loses_only_what_leaves_the_image():
    picture = np.zeros((40, 28, 28, 1), dtype=np.uint8)
    picture[:, 14, 14] = 255

    moved = shift_images(picture, "translation", 2, 0, 255)

    places = {tuple(np.argwhere(image[..., 0])[0] - 14) for image in moved}
    assert places == {(2, 2), (2, -2), (-2, 2), (-2, -2)}
    assert all(image.sum() == 255 for image in moved)


def test_an_occlusion_hides_one_square_with_the_lowest_value():
    picture = np.full((20, 28, 28, 1), 1.0, dtype=np.float32)

    hidden = shift_images(picture, "occlusion", 1, -1.0, 1.0)

    assert [(image == -1).sum() for image in hidden] == [16] * 20
    assert len({tuple(np.argwhere(image[..., 0] == -1)[0]) for image in hidden}) > 5


def test_images_of_one_value_stay_finite():
    flat = np.full((3, 5, 5, 1), 0.25, dtype=np.float32)

    for kind in SHIFT_KINDS:
        assert np.isfinite(shift_images(flat, kind, 5, 0.25, 0.25)).all()
