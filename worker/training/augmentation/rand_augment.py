"""RandAugment (Cubuk et al. 2020): a few operations, drawn for each image, all of one strength."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.worker.training.augmentation.geometry import moved, turned
from deepchord.worker.training.augmentation.values import ValueRange, brightened, changed, contrasted, noised

#: The largest magnitude.
_MOST = 10.0
#: What each operation does at that magnitude: degrees; the change of an image's size; a share of its height or width; a
#: share of the values' range; the change of the contrast; a standard deviation as a share of the range.
_DEGREES, _ZOOM, _SHIFT, _BRIGHTNESS, _CONTRAST, _NOISE = 30.0, 0.4, 0.3, 0.5, 0.9, 0.2

#: Takes images, how strongly each is changed (in [-1, 1]), the range of values, and what to draw with.
_Operation = Callable[[NDArray[Any], NDArray[np.float64], ValueRange, np.random.Generator], NDArray[Any]]


def rand_augmented(
    images: NDArray[Any], operations: int, magnitude: float, values: ValueRange, generator: np.random.Generator
) -> NDArray[Any]:
    """Change each image by so many operations, which are drawn for it one by one.

    Args:
        images: [size, height, width, channels], uint8 or float32.
        operations: How many each image gets; the same one may be drawn twice.
        magnitude: How strong they are, from 0 to 10; their direction is drawn.
        values: The range that values keep to.
        generator: What is drawn with.
    """
    images = images.copy()
    for _ in range(operations):
        drawn = generator.integers(len(_OPERATIONS), size=len(images))
        strengths = np.where(generator.random(len(images)) < 0.5, -1, 1) * (magnitude / _MOST)
        for number, operation in enumerate(_OPERATIONS):
            chosen = np.flatnonzero(drawn == number)
            if len(chosen):
                images[chosen] = operation(images[chosen], strengths[chosen], values, generator)
    return images


def _identity(
    images: NDArray[Any], _strengths: NDArray[np.float64], _values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    return images


def _rotation(
    images: NDArray[Any], strengths: NDArray[np.float64], _values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    return turned(images, strengths * _DEGREES, np.ones(len(images)))


def _zoom(
    images: NDArray[Any], strengths: NDArray[np.float64], _values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    return turned(images, np.zeros(len(images)), 1 + strengths * _ZOOM)


def _shift_down(
    images: NDArray[Any], strengths: NDArray[np.float64], _values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    distances, most = _distances(strengths, images.shape[1])
    return moved(images, most - distances, np.full(len(images), most), most)


def _shift_right(
    images: NDArray[Any], strengths: NDArray[np.float64], _values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    distances, most = _distances(strengths, images.shape[2])
    return moved(images, np.full(len(images), most), most - distances, most)


def _brightness(
    images: NDArray[Any], strengths: NDArray[np.float64], values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    return changed(images, lambda floats: brightened(floats, strengths * _BRIGHTNESS, values), values)


def _contrast(
    images: NDArray[Any], strengths: NDArray[np.float64], values: ValueRange, _generator: np.random.Generator
) -> NDArray[Any]:
    return changed(images, lambda floats: contrasted(floats, 1 + strengths * _CONTRAST), values)


def _noise(
    images: NDArray[Any], strengths: NDArray[np.float64], values: ValueRange, generator: np.random.Generator
) -> NDArray[Any]:
    deviation = float(np.abs(strengths[0])) * _NOISE
    return changed(images, lambda floats: noised(floats, deviation, values, generator), values)


def _distances(strengths: NDArray[np.float64], length: int) -> tuple[NDArray[np.int64], int]:
    """Return by how many pixels each image is moved along an axis of this length, and the largest distance."""
    distances = np.rint(strengths * _SHIFT * length).astype(np.int64)
    return distances, int(np.abs(distances).max())


#: Each has the same chance.
_OPERATIONS: tuple[_Operation, ...] = (
    _identity,
    _rotation,
    _zoom,
    _shift_down,
    _shift_right,
    _brightness,
    _contrast,
    _noise,
)
