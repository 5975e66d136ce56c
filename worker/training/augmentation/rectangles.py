"""Rectangles in images: those that are hidden or filled, and those that come from another image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.worker.training.augmentation.values import ValueRange

#: Random erasing (Zhong et al. 2020, section 5): how many images it changes, and the sides' smallest ratio.
_ERASED = 0.5
_LEAST_RATIO = 0.3

Counts = NDArray[np.int64]
Floats = NDArray[np.float32]


def cut_out(images: NDArray[Any], side: int, generator: np.random.Generator) -> NDArray[Any]:
    """Set a square to zero in each image [height, width, channels] (DeVries and Taylor 2017, "cutout").

    Its middle may be any pixel, so it may extend beyond the edge.
    """
    sides = np.full(len(images), side)
    rows, columns = (_around_any(length, sides, generator) for length in images.shape[1:3])
    return np.where(_rectangle(rows, columns), images.dtype.type(0), images)


def erased(
    images: NDArray[Any], areas: tuple[float, float], values: ValueRange, generator: np.random.Generator
) -> NDArray[Any]:
    """Fill a rectangle within half of the images with random values.

    Args:
        images: [size, height, width, channels], uint8 or float32.
        areas: The smallest and the largest share of an image's area.
        values: The range from which the values are drawn.
        generator: What they are drawn with.
    """
    size, (height, width) = len(images), images.shape[1:3]
    chosen = generator.random(size) < _ERASED
    pixels = generator.uniform(*areas, size) * height * width
    ratios = np.exp(generator.uniform(np.log(_LEAST_RATIO), -np.log(_LEAST_RATIO), size))
    down = np.clip(np.rint(np.sqrt(pixels * ratios)), 1, height).astype(np.int64)
    right = np.clip(np.rint(pixels / down), 1, width).astype(np.int64)
    rows = _covered(generator.integers(0, height - down + 1), down, height)
    columns = _covered(generator.integers(0, width - right + 1), right, width)
    filling: NDArray[Any]
    if images.dtype == np.uint8:
        filling = generator.integers(0, 256, images.shape, dtype=np.uint8)
    else:
        drawn = generator.random(images.shape, dtype=np.float32)
        filling = np.float32(values.lowest) + np.float32(values.width) * drawn
    return np.where(_rectangle(rows & chosen[:, None], columns), filling, images)


def pasted(images: Floats, others: Floats, shares: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Paste a rectangle of another image into each (Yun et al. 2019, equation 2).

    Args:
        images: [size, height, width, channels].
        others: What the rectangles come from, of this shape.
        shares: Which share of each image is to stay, [size].
        generator: Draws where the rectangles are; they may extend beyond the edge.

    Returns:
        The images, and which share of each did stay, [size].
    """
    rows, columns = (
        _around_any(length, np.rint(length * np.sqrt(1 - shares)).astype(np.int64), generator)
        for length in images.shape[1:3]
    )
    kept = 1 - rows.mean(axis=1, dtype=np.float32) * columns.mean(axis=1, dtype=np.float32)
    return np.where(_rectangle(rows, columns), others, images), kept


def _around_any(length: int, lengths: Counts, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return which pixels of an axis an interval around a random one of them covers in each image, [size, length]."""
    return _covered(generator.integers(0, length, len(lengths)) - lengths // 2, lengths, length)


def _covered(starts: Counts, lengths: Counts, length: int) -> NDArray[np.bool_]:
    """Return which pixels of an axis an interval covers in each image, [size, length]."""
    pixels = np.arange(length) - starts[:, None]
    return (pixels >= 0) & (pixels < lengths[:, None])


def _rectangle(rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels lie in the rows [size, height] and columns [size, width], with an axis for channels."""
    return (rows[:, :, None] & columns[:, None, :])[..., None]
