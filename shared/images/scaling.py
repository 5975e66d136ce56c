"""Images as a network takes them, and the values that they have before."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.files import pieces
from deepchord.shared.messages import PixelValues


def scaled(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return images as the input of a network: uint8 is divided by 255, floats stay as they are.

    Args:
        images: Any shape, uint8 or float.

    Returns:
        float32, the same shape; always a new array, C-contiguous.
    """
    pixels = np.array(images, dtype=np.float32, order="C")
    if images.dtype == np.uint8:
        pixels /= np.float32(255)
    return pixels


def pixel_values(images: NDArray[Any]) -> PixelValues:
    """Return the type and the range of images, uint8 or float32, as they are before they are scaled."""
    kind = "uint8" if images.dtype == np.uint8 else "float32"
    lowest, highest = value_limits(images)
    return PixelValues(type=kind, lowest=lowest, highest=highest)


def value_limits(images: NDArray[Any]) -> tuple[float, float]:
    """Return the lowest and the highest value of images, any shape but an empty one; NaN if any value is.

    They are read once, a piece at a time, for they may be a memory map.
    """
    limits = np.array([(images[part].min(), images[part].max()) for part in pieces(images)])
    return float(limits[:, 0].min()), float(limits[:, 1].max())
