from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import film_strip, has_dark_ground, mean_images, on_squares, shown_pixels
from deepchord.coordinator.report.findings.pictures import shown_size

MakeContent = Callable[..., ReportContent]
PageText = Callable[[ReportContent], str]


@pytest.mark.parametrize(
    ("shape", "shown", "said"),
    [
        ((28, 28, 1), (28, 28), "28x28"),
        ((1, 1, 1), (8, 8), "1x1"),
        ((512, 512, 3), (64, 64), "512x512 in colour"),
        ((96, 64, 3), (48, 32), "96x64 in colour"),
        ((3, 224, 1), (14, 56), "3x224, drawn 19 times as high as they are, to be seen at all"),
        ((224, 3, 3), (56, 14), "224x3 in colour, drawn 19 times as wide as they are, to be seen at all"),
        ((32, 32, 2), (32, 32), "32x32, 2 channels, of which the mean is shown"),
        ((9, 9, 13), (9, 9), "9x9, 13 channels, of which the first three are shown as red, green and blue"),
    ],
)
def test_pictures_can_be_seen_and_the_page_says_what_they_leave_out_or_stretch(
    make_content: MakeContent, page_text: PageText, shape: tuple[int, int, int], shown: tuple[int, int], said: str
) -> None:
    content = make_content(shape=shape, test_size=20)

    assert shown_pixels(content.dataset.x_test, content.dataset).shape[1:3] == shown
    assert mean_images(content.dataset).shape[1:3] == shown
    assert f"20\u00a0test images, {said}." in page_text(content).replace("\u00a0\u00d7\u00a0", "x")


@given(height=st.integers(1, 3000), width=st.integers(1, 3000))
def test_no_picture_is_a_hairline_nor_heavy(height: int, width: int) -> None:
    shown = shown_size(height, width)

    assert 8 <= max(shown) <= 64
    assert min(shown) >= max(shown) / 4
    assert (shown[0] - shown[1]) * (height - width) >= 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_are_grey_or_rgb_whatever_the_channels(make_content: MakeContent, channels: int) -> None:
    dataset = make_content(shape=(6, 9, channels)).dataset
    pixels = shown_pixels(dataset.x_test[:5], dataset)

    assert pixels.shape == ((5, 6, 9) if channels < 3 else (5, 6, 9, 3))
    assert film_strip(list(pixels), 6).shape == (6, 6 * 10 - 1, 4)


@pytest.mark.parametrize("shape", [(2, 9, 7), (2, 7, 9), (2, 8, 8), (2, 4, 9, 3)])
def test_pictures_are_put_in_the_middle_of_squares(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    squares = on_squares(pixels, ground=255)
    side = max(shape[1:3])
    top, left = ((side - length) // 2 for length in shape[1:3])

    assert squares.shape == (2, side, side, *shape[3:])
    assert np.array_equal(squares[:, top : top + shape[1], left : left + shape[2]], pixels)
    assert (squares == 255).sum() == squares.size - pixels.size


def test_floats_and_bytes_look_alike(make_content: MakeContent) -> None:
    of_bytes, of_floats = make_content().dataset, make_content(float_images=True).dataset

    assert np.array_equal(shown_pixels(of_bytes.x_test, of_bytes), shown_pixels(of_floats.x_test, of_floats))


def test_mean_image_is_the_mean_of_a_class(make_content: MakeContent) -> None:
    dataset = make_content().dataset
    lowest, highest = dataset.x_train.min(), dataset.x_train.max()
    mean = dataset.x_train[dataset.y_train == 2].astype(float).mean(axis=0)[..., 0]

    assert np.array_equal(mean_images(dataset)[2], np.rint((mean - lowest) / (highest - lowest) * 255))


def test_only_grey_images_on_black_are_drawn_like_print(make_content: MakeContent) -> None:
    noise = make_content().dataset
    on_black = type(noise)(**{**vars(noise), "x_train": np.pad(noise.x_train, ((0, 0), (2, 2), (2, 2), (0, 0)))})

    assert has_dark_ground(on_black)
    assert not has_dark_ground(noise)
