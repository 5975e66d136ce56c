"""Checks the shape and type of images, and converts them to the one layout of deepchord.

An outline is an array of which only shape and type matter; see `deepchord.shared.files.npz_outlines`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.files import in_pieces
from deepchord.shared.images.scaling import value_limits

#: Grey, grey and alpha, colours, colours and alpha: a last axis of at most this length certainly holds the channels.
_USUAL_CHANNELS = 4

#: What the option begins with that tells where the channels of a data set are.
_OPTION = "--images-channels"


def checked_images(images: NDArray[Any], label: str) -> NDArray[Any]:
    """Return images in the one layout of deepchord; they are copied only if values must be converted.

    A memory map that must be converted becomes another one, a piece at a time.

    Whole numbers of other types become uint8 if they are in 0..255; booleans become 0 and 255. Floats of other sizes
    become float32; their values are never rescaled.

    Args:
        images: [size, height, width] or [size, height, width, channels], whole numbers in 0..255, finite floats
            or booleans.
        label: The name of the array in errors.

    Returns:
        [size, height, width, channels], uint8 or float32, C-contiguous.

    Raises:
        DatasetError: The number of axes, the type or a value is not valid, or there are no images.
    """
    check_image_outline(images, label)
    pixels: NDArray[Any]
    if images.dtype.kind == "f":
        pixels = _as_float32(images, label)
    elif images.dtype.kind == "b":
        pixels = in_pieces(images, np.uint8, lambda part: np.multiply(part, np.uint8(255), dtype=np.uint8), label)
    else:
        pixels = _as_uint8(images, label)
    return np.ascontiguousarray(pixels.reshape(*pixels.shape, 1) if pixels.ndim == 3 else pixels)


def images_with_channels_last(
    images: NDArray[Any], label: str, channels_first: bool | None, option: str = _OPTION
) -> NDArray[Any]:
    """Return images as [size, height, width, channels]; nothing is copied.

    Args:
        images: The images, or an outline of them.
        label: The name of the array in errors.
        channels_first: See `with_channels_last`.
        option: What the option that turns them begins with.

    Raises:
        DatasetError: The channels seem to come first, and `channels_first` is None.
    """
    if images.ndim == 4 and channels_first:
        return np.moveaxis(images, 1, -1)
    if channels_first is None and _look_channels_first(images):
        _, channels, height, width = images.shape
        in_recipe = " (in a recipe: channels_first = true)" if option == _OPTION else ""
        raise DatasetError(
            f"{label} has the shape {list(images.shape)}, which looks like {height}x{width} pixels with "
            f"{channels} channels that come first, and deepchord takes them last: {option}-first"
            f"{in_recipe} turns them. If they are {channels}x{height} pixels with {width} "
            f"channels, say {option}-last."
        )
    return images


def check_image_outline(images: NDArray[Any], label: str) -> None:
    """Raise `DatasetError` unless images have three or four axes, some pixels, and a type that deepchord reads."""
    if images.ndim not in (3, 4):
        rows = "; rows of pixels take their shape by reshape" if images.ndim == 2 else ""
        raise DatasetError(
            f"{label}: expected images as [size, height, width] or [size, height, width, channels], "
            f"found the shape {list(images.shape)}{rows}."
        )
    if 0 in images.shape:
        raise DatasetError(f"{label} holds no images or no pixels: its shape is {list(images.shape)}.")
    if images.dtype.kind not in "buif":
        raise DatasetError(f"{label}: expected uint8 or floats, found {images.dtype}.")


def _as_uint8(images: NDArray[Any], label: str) -> NDArray[np.uint8]:
    if images.dtype != np.uint8 and (images.min() < 0 or images.max() > 255):
        raise DatasetError(
            f"{label}: whole numbers must lie in 0..255, found {images.min()}..{images.max()} ({images.dtype}); "
            "save others as floats from 0 to 1, which are used as they are."
        )
    return in_pieces(images, np.uint8, lambda part: part.astype(np.uint8, copy=False), label)


def _as_float32(images: NDArray[Any], label: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        pixels = in_pieces(images, np.float32, lambda part: part.astype(np.float32, copy=False), label)
    # Minimum and maximum are NaN or infinite if any value is; this needs no array of booleans as large as the images.
    if not all(map(math.isfinite, value_limits(pixels))):
        image = int(np.argmin(np.isfinite(pixels).reshape(len(pixels), -1).all(axis=1)))
        raise DatasetError(f"{label}: image {image} holds a value that is not finite (NaN or infinity) in float32.")
    return pixels


def _look_channels_first(images: NDArray[Any]) -> bool:
    """Return whether the first axis of an image is the shortest, and the last is too long for channels."""
    if images.ndim != 4:
        return False
    first, second, last = images.shape[1:]
    return bool(last > _USUAL_CHANNELS and first < min(second, last))
