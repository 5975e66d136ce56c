"""Images as a network takes them, and the values that they have before."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    return PixelValues(type=kind, lowest=float(images.min()), highest=float(images.max()))
