"""Images of a data set as they are shown: on one scale of brightness, and as PNGs inside a page."""

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepchord.shared.datasets import Dataset
from deepchord.shared.files import pieces

Pixels = NDArray[np.uint8]

#: How many samples of each class are shown, as in the notebook.
SAMPLES = 12

#: A figure shows at most so many classes.
MAX_SHEET_CLASSES = 1_000

#: In larger images rows and columns are left out until each side has at most so many pixels.
_MAX_SIDE = 64
#: The long side of a smaller image is enlarged to so many pixels; the short side is at least this share of the long
#: one, because nothing can be seen on a thin line.
_MIN_SIDE = 8
_MIN_SHARE = 0.25
#: Pictures that are stretched by at least this factor are said to be.
_STRETCHED = 1.5
#: A border darker than this share of the brightest pixel counts as a dark ground.
_DARK = 0.25


def shown_pixels(images: NDArray[np.generic], dataset: Dataset) -> Pixels:
    """Return images as they are shown: the darkest value of the training images is black, the brightest white.

    Args:
        images: [n, height, width, channels], of the data set or means of its images.
        dataset: Its training images decide the scale, so that all pictures compare.

    Returns:
        [n, height, width] for grey images (one or two channels, their mean), else [n, height, width, 3]; height and
        width are those of `shown_size`.
    """
    for axis, length in zip((1, 2), shown_size(*images.shape[1:3]), strict=True):
        images = _with_length(images, axis, length)
    lowest, highest = dataset.pixels.lowest, dataset.pixels.highest
    scaled = (images.astype(np.float64) - lowest) / ((highest - lowest) or 1.0)
    pixels = np.clip(np.rint(scaled * 255), 0, 255).astype(np.uint8)
    if pixels.shape[-1] >= 3:
        return pixels[..., :3]
    grey: Pixels = np.rint(pixels.mean(axis=-1)).astype(np.uint8)
    return grey


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Return the height and width, in pixels, of the pictures that show images of this size."""
    longest = max(height, width)
    step = -(-longest // _MAX_SIDE)
    larger = -(-_MIN_SIDE // longest)
    shortest = math.ceil(_MIN_SHARE * larger * longest / step)

    return max(shortest, -(-height * larger // step)), max(shortest, -(-width * larger // step))


def image_kind(dataset: Dataset) -> str:
    """Return in words the size and colours of the images, and what their pictures leave out or stretch."""
    height, width, channels = dataset.x_train.shape[1:]
    shown_height, shown_width = shown_size(height, width)
    words = [f"{height}\u00a0\u00d7\u00a0{width}{' in colour' if channels == 3 else ''}"]
    if channels == 2:
        words.append("2 channels, of which the mean is shown")
    if channels > 3:
        words.append(f"{channels} channels, of which the first three are shown as red, green and blue")
    higher = shown_height * width / (shown_width * height)
    if higher >= _STRETCHED:
        words.append(f"drawn {higher:.0f} times as high as they are, to be seen at all")
    elif higher <= 1 / _STRETCHED:
        words.append(f"drawn {1 / higher:.0f} times as wide as they are, to be seen at all")
    return ", ".join(words)


def first_samples(dataset: Dataset, class_index: int) -> Pixels:
    """Return the first training images of a class, at most `SAMPLES`, as `shown_pixels` does."""
    chosen = np.flatnonzero(dataset.y_train == class_index)[:SAMPLES]
    return shown_pixels(dataset.x_train[chosen], dataset)


def mean_images(dataset: Dataset) -> Pixels:
    """Return the mean training image of each class, as `shown_pixels` does; black for a class without images."""
    classes = len(dataset.class_names)
    sums = np.zeros((classes, *dataset.x_train.shape[1:]), dtype=np.float64)
    for part in pieces(dataset.x_train):
        images, labels = dataset.x_train[part], dataset.y_train[part]
        for index in np.unique(labels):
            sums[index] += images[labels == index].sum(axis=0, dtype=np.float64)
    counts = np.maximum(1, np.bincount(dataset.y_train, minlength=classes))
    return shown_pixels(sums / counts[:, None, None, None], dataset)


def _with_length(images: NDArray[np.generic], axis: int, length: int) -> NDArray[np.generic]:
    """Return images with pixels left out or repeated along an axis until it has this length."""
    return np.asarray(np.take(images, np.arange(length) * images.shape[axis] // length, axis=axis))


def has_dark_ground(dataset: Dataset) -> bool:
    """Return whether the images are grey on black: then they may be drawn dark on light, like print."""
    images = shown_pixels(dataset.x_train[:500], dataset)
    if images.ndim == 4:
        return False
    edges = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = np.concatenate([edge.ravel() for edge in edges])
    return float(np.median(border)) < _DARK * 255


def data_uri(pixels: Pixels) -> str:
    """Return pixels [height, width], or [height, width, 3 or 4], as the data URI of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def on_squares(images: Pixels, ground: int) -> Pixels:
    """Return images [n, height, width] or [n, height, width, 3] with margins that make them squares."""
    side = max(images.shape[1:3])
    margins = [((side - length) // 2, (side - length + 1) // 2) for length in images.shape[1:3]]
    return np.pad(images, [(0, 0), *margins, *[(0, 0)] * (images.ndim - 3)], constant_values=ground)


def film_strip(images: Sequence[Pixels], places: int) -> Pixels:
    """Return images side by side as one RGBA picture; gaps and places without an image are transparent."""
    height, width = images[0].shape[:2]
    gap = max(1, round(width / 14))
    strip = np.zeros((height, places * (width + gap) - gap, 4), dtype=np.uint8)
    for position, image in enumerate(images):
        left = position * (width + gap)
        colours = image if image.ndim == 3 else image[..., np.newaxis]
        strip[:, left : left + width, :3] = colours
        strip[:, left : left + width, 3] = 255
    return strip
