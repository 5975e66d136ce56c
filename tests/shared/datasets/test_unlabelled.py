import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.datasets import Images, Places, find_images, fitted_images, load_images, publish_images
from deepchord.shared.errors import CorruptObjectError, DatasetError, InputError
from deepchord.shared.storage import RunStore


@pytest.fixture
def find(tmp_path):
    places = Places(keras_home=tmp_path / "keras", debian_folder=tmp_path / "debian", download=False)
    return lambda name, **options: find_images(str(name), places, **options)


@pytest.mark.parametrize("name", ["images", "x_test", "x"])
def test_images_of_a_file_need_neither_labels_nor_training_images(find, tmp_path, name):
    np.savez(tmp_path / "file.npz", **{name: np.full((4, 6, 5), 9, np.int64), "more": np.arange(3)})

    found = find(tmp_path / "file.npz")

    assert (found.name, found.pixels.shape, found.pixels.dtype) == ("file.npz", (4, 6, 5, 1), np.uint8)


def test_what_is_called_images_is_taken_before_a_test_set(find, tmp_path):
    np.savez(tmp_path / "file.npz", images=np.zeros((2, 3, 3)), x_test=np.zeros((9, 3, 3)))

    assert len(find(tmp_path / "file.npz").pixels) == 2


def test_channels_that_come_first_are_turned_if_that_is_said(find, tmp_path):
    np.savez(tmp_path / "file.npz", images=np.zeros((2, 3, 8, 9), np.uint8))

    with pytest.raises(DatasetError, match=r"images has the shape .*--ood-channels-first"):
        find(tmp_path / "file.npz")
    assert find(tmp_path / "file.npz", channels_first=True).pixels.shape == (2, 8, 9, 3)


def test_a_file_that_is_not_there_or_holds_no_images_is_named(find, tmp_path):
    np.savez(tmp_path / "file.npz", labels=np.arange(3))

    with pytest.raises(DatasetError, match=r"file\.npz holds no images: expected them as images, x_test or x"):
        find(tmp_path / "file.npz")
    with pytest.raises(DatasetError, match=r"no images called 'digit'.*digits"):
        find("digit")
    np.savez(tmp_path / "nan.npz", images=np.full((2, 3, 3), np.nan))
    with pytest.raises(DatasetError, match="images: image 0 holds a value that is not finite"):
        find(tmp_path / "nan.npz")


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]), st.sampled_from([np.uint8, np.float32]))
@settings(deadline=None, max_examples=40)
def test_any_image_can_be_fitted_and_keeps_its_range(height, width, channels, dtype):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (3, 5, 4, 3)).astype(np.uint8)
    given_images = Images(name="it", pixels=pixels if dtype == np.uint8 else (pixels / np.float32(255)))

    fitted = fitted_images(given_images, np.zeros((1, height, width, channels), dtype), "resize").pixels

    assert (fitted.shape, fitted.dtype) == ((3, height, width, channels), dtype)
    assert fitted.min() >= given_images.pixels.min()
    assert fitted.max() <= given_images.pixels.max() + 1e-6


def test_channels_that_mean_something_else_cannot_be_fitted():
    four = Images(name="it", pixels=np.zeros((1, 2, 2, 2), np.uint8))

    with pytest.raises(InputError, match="have 2 channels, and the networks take 3"):
        fitted_images(four, np.zeros((1, 2, 2, 3), np.uint8), "resize")


def test_standardized_images_do_not_meet_bytes():
    standardized = np.linspace(-2, 2, 4, dtype=np.float32).reshape(1, 2, 2, 1)
    whole = Images(name="it", pixels=np.zeros((1, 2, 2, 1), np.uint8))

    with pytest.raises(InputError, match=r"float32; .*lie in -2\.\.2.*do not compare"):
        fitted_images(whole, standardized, "none")
    with pytest.raises(InputError, match="do not compare"):
        fitted_images(Images(name="it", pixels=standardized), whole.pixels, "none")
    assert fitted_images(Images(name="it", pixels=np.abs(standardized) / 2), whole.pixels, "none") is not None


def test_published_images_come_back_as_they_were(store: RunStore):
    images = Images(name="it", pixels=np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1))
    info = publish_images(images, store)

    assert (info.name, info.images) == ("it", 3)
    assert publish_images(images, store) == info
    assert np.array_equal(load_images(info, store).pixels, images.pixels)
    store.objects.replace(f"datasets/{info.sha256}.npz", b"something else")
    with pytest.raises(CorruptObjectError, match="is damaged"):
        load_images(info, store)
