"""Images of a data set as they are shown: on one scale of brightness, and as PNGs that a page can hold."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.datasets import Dataset

Pixels = NDArray[np.uint8]

#: How many samples of each class are shown, as in the notebook.
SAMPLES = 12

#: Larger images are thinned out to at most this many pixels a side.
_MAX_SIDE = 64
#: A border darker than this share of the brightest pixel counts as a dark ground.
_DARK = 0.25


def shown_pixels(images: NDArray[np.generic], dataset: Dataset) -> Pixels:
    """Return images as they are shown: the darkest value of the training images is black, the brightest white.

    Args:
        images: [n, height, width, channels], of the data set or means of its images.
        dataset: Whose scale is used, so that all pictures compare.

    Returns:
        [n, height, width] for grey images (one or two channels, their mean), else [n, height, width, 3].
    """
    step = -(-max(images.shape[1:3]) // _MAX_SIDE)
    images = images[:, ::step, ::step]
    lowest, highest = float(dataset.x_train.min()), float(dataset.x_train.max())
    scaled = (images.astype(np.float64) - lowest) / ((highest - lowest) or 1.0)
    pixels = np.clip(np.rint(scaled * 255), 0, 255).astype(np.uint8)
    if pixels.shape[-1] >= 3:
        return pixels[..., :3]
    grey: Pixels = np.rint(pixels.mean(axis=-1)).astype(np.uint8)
    return grey


def first_samples(dataset: Dataset, class_index: int) -> Pixels:
    """Return the first training images of a class, at most `SAMPLES`, as `shown_pixels` does."""
    chosen = np.flatnonzero(dataset.y_train == class_index)[:SAMPLES]
    return shown_pixels(dataset.x_train[chosen], dataset)


def mean_images(dataset: Dataset) -> Pixels:
    """Return the mean training image of each class, as `shown_pixels` does; black for a class without images."""
    means = np.zeros((len(dataset.class_names), *dataset.x_train.shape[1:]), dtype=np.float64)
    for index in range(len(means)):
        chosen = dataset.x_train[dataset.y_train == index]
        if len(chosen):
            means[index] = chosen.mean(axis=0, dtype=np.float64)
    return shown_pixels(means, dataset)


def has_dark_ground(dataset: Dataset) -> bool:
    """Say whether the images are grey and lie on black, so that they may be drawn dark on light like print."""
    images = shown_pixels(dataset.x_train[:500], dataset)
    if images.ndim == 4:
        return False
    edges = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = np.concatenate([edge.ravel() for edge in edges])
    return float(np.median(border)) < _DARK * 255


def data_uri(pixels: Pixels) -> str:
    """Return pixels [height, width], or [height, width, 3 or 4], as the address of a PNG that carries itself."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def on_squares(images: Pixels, ground: int) -> Pixels:
    """Return images [n, height, width] or [n, height, width, 3] with margins that make them squares."""
    side = max(images.shape[1:3])
    margins = [((side - length) // 2, (side - length + 1) // 2) for length in images.shape[1:3]]
    return np.pad(images, [(0, 0), *margins, *[(0, 0)] * (images.ndim - 3)], constant_values=ground)


def film_strip(images: Sequence[Pixels], places: int) -> Pixels:
    """Return images side by side with clear gaps between them, RGBA; places that no image takes stay clear."""
    height, width = images[0].shape[:2]
    gap = max(1, round(width / 14))
    strip = np.zeros((height, places * (width + gap) - gap, 4), dtype=np.uint8)
    for position, image in enumerate(images):
        left = position * (width + gap)
        colours = image if image.ndim == 3 else image[..., np.newaxis]
        strip[:, left : left + width, :3] = colours
        strip[:, left : left + width, 3] = 255
    return strip
