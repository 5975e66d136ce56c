"""Changes the values of images: brightness, contrast, noise. Amounts are shares of the range of a data set's values."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import PixelValues

Values = NDArray[np.float32]


class ValueRange(NamedTuple):
    """The range of a data set's values; an augmentation keeps to it."""

    lowest: float
    highest: float

    @property
    def width(self) -> float:
        """The difference of the two."""
        return self.highest - self.lowest


def value_range(values: PixelValues) -> ValueRange:
    """Return 0 to 255 for uint8, for floats the lowest and highest value of all images."""
    return ValueRange(0.0, 255.0) if values.type == "uint8" else ValueRange(values.lowest, values.highest)


def changed(images: NDArray[Any], change: Callable[[Values], Values], values: ValueRange) -> NDArray[Any]:
    """Return images after a change of their values, of the type that they had, and within the range.

    Args:
        images: [size, ...], uint8 or float32.
        change: Takes and returns float32 of this shape.
        values: The range.
    """
    found = np.clip(change(images.astype(np.float32)), np.float32(values.lowest), np.float32(values.highest))
    return found if images.dtype != np.uint8 else np.rint(found).astype(np.uint8)


def brightened(images: Values, amounts: NDArray[np.floating], values: ValueRange) -> Values:
    """Add to each image its amount, [size], times the width of the range."""
    return images + _each(amounts * values.width, images)


def contrasted(images: Values, factors: NDArray[np.floating]) -> Values:
    """Multiply the differences from each image's mean by its factor, [size]."""
    means: Values = images.mean(axis=tuple(range(1, images.ndim)), keepdims=True)
    return means + (images - means) * _each(factors, images)


def noised(images: Values, deviation: float, values: ValueRange, generator: np.random.Generator) -> Values:
    """Add normal noise to each value, of a standard deviation that is a share of the range."""
    return images + np.float32(deviation * values.width) * generator.standard_normal(images.shape, dtype=np.float32)


def _each(numbers: NDArray[np.floating], images: Values) -> Values:
    """Return one number for each image, in the shape in which it counts for all values of the image."""
    return numbers.astype(np.float32).reshape(-1, *[1] * (images.ndim - 1))
