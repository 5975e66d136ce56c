"""Moves, rotates and magnifies images; pixels that nothing covers become zero."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Images with so many pixels in all are rotated at a time: their arrays stay in the processor's cache, and are small
#: enough for the memory that was just freed.
_PIXELS_AT_ONCE = 2**14

Places = NDArray[np.float32]


def mirrored(images: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    """Mirror each image [height, width, channels] horizontally with a probability of one half."""
    chosen = generator.random(len(images)) < 0.5
    return np.where(chosen[:, None, None, None], images[:, :, ::-1], images)


def moved(images: NDArray[Any], tops: NDArray[np.integer], lefts: NDArray[np.integer], most: int) -> NDArray[Any]:
    """Return images that are moved by whole pixels: windows of the images with lines of zeros on all sides.

    Args:
        images: [size, height, width, channels].
        tops: Where each window begins, from 0 to twice `most`, [size]; at `most` an image is where it was.
        lefts: The same for columns.
        most: How many lines of zeros there are on each side.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    # [size, channels, height, width], as windows are laid out.
    found = windows[np.arange(len(images)), tops, lefts]
    return np.moveaxis(found, 1, -1)


def turned(images: NDArray[Any], degrees: NDArray[np.floating], factors: NDArray[np.floating]) -> NDArray[Any]:
    """Return images rotated about their middle and magnified, with linear interpolation.

    Args:
        images: [size, height, width, channels], uint8 or float32.
        degrees: The angle of each, counted clockwise: [size].
        factors: How many times larger each becomes: [size].
    """
    height, width = images.shape[1:3]
    angles = np.deg2rad(degrees)
    cosines, sines = ((part(angles) / factors).astype(np.float32)[:, None, None] for part in (np.cos, np.sin))
    down = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    right = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    turned_images = np.empty_like(images)
    at_once = max(1, _PIXELS_AT_ONCE // (height * width))
    for start in range(0, len(images), at_once):
        part = slice(start, start + at_once)
        # From where each pixel of the result comes.
        rows = cosines[part] * down - sines[part] * right + np.float32((height - 1) / 2)
        columns = sines[part] * down + cosines[part] * right + np.float32((width - 1) / 2)
        turned_images[part] = _interpolated(images[part], rows, columns)
    return turned_images


def _interpolated(images: NDArray[Any], rows: Places, columns: Places) -> NDArray[np.float32]:
    """Return the values between the four pixels around each place [size, height, width]; zero is outside.

    uint8 is rounded, but still float32.
    """
    size, height, width, channels = images.shape
    top, below = _parts(rows, height)
    left, beside = _parts(columns, width)
    # One line of zeros on each side: places outside lie in it.
    padded = np.zeros((channels, size, height + 2, width + 2), np.float32)
    padded[:, :, 1:-1, 1:-1] = np.moveaxis(images, -1, 0)
    line = width + 2
    first = np.arange(size, dtype=np.int32)[:, None, None] * ((height + 2) * line) + top * line + left
    found = np.empty(images.shape, np.float32)
    # Channel by channel, and with `take`: an index for the pixels of all channels takes five times as long.
    for channel, pixels in enumerate(padded.reshape(channels, -1)):
        lines = []
        for index in (first, first + line):
            one, other = pixels.take(index, mode="clip"), pixels.take(index + 1, mode="clip")
            lines.append(one + (other - one) * beside)
        upper, lower = lines
        found[..., channel] = upper + (lower - upper) * below
    return np.rint(found) if images.dtype == np.uint8 else found


def _parts(places: Places, length: int) -> tuple[NDArray[np.int32], Places]:
    """Return the pixel before each place, counted from 1, and the distance from it."""
    before = np.clip(np.floor(places), -1, length - 1)
    return (before + 1).astype(np.int32), np.clip(places - before, 0, 1)
