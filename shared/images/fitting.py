"""Images of another size, or with other channels, in the shape that a network takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.images.scaling import pixel_values
from deepchord.shared.messages import Fitting, PixelValues

#: Weights of red, green and blue in grey (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


def fitted_pixels(pixels: NDArray[Any], wanted: tuple[int, ...], fitting: Fitting, name: str) -> NDArray[Any]:
    """Return images in the shape that networks take, or refuse them; those that fit are returned as they are.

    Args:
        pixels: [size, height, width, channels], uint8 or float32.
        wanted: Height, width and channels of an image.
        fitting: What is done with images of another size or with other channels.
        name: What the images are called in errors.

    Raises:
        InputError: Their shape does not fit and `fitting` is `none`, or the channels cannot be converted.
    """
    actual = pixels.shape[1:]
    if actual == wanted:
        return pixels
    if fitting == "none":
        raise InputError(
            f"Images of {name} are {_shape(actual)} (height x width x channels), and the networks take "
            f"{_shape(wanted)}: give images of that shape, or --fit resize (in Python fit='resize', over HTTP "
            "fit=resize), which scales them and turns colours to grey or grey to colours."
        )
    return _resized(_with_channels(pixels, wanted[-1], name), wanted[0], wanted[1])


def check_same_values(images: NDArray[Any], trained_on: PixelValues, name: str) -> None:
    """Raise `InputError` if either these images or those of the training are uint8, and the others floats beyond 0..1.

    Args:
        images: uint8 or float32.
        trained_on: The values of the training images.
        name: What the images are called in the error.
    """
    ours = pixel_values(images)
    floats = trained_on if ours.type == "uint8" else ours
    if ours.type != trained_on.type and (floats.lowest < 0 or floats.highest > 1):
        raise InputError(
            f"Images of {name} hold {ours.type} and those that the networks were trained on {trained_on.type}; "
            f"whole numbers are divided by 255, and the floats lie in {floats.lowest:g}..{floats.highest:g}, so they "
            "do not compare: prepare the images as those for the training were."
        )


def _with_channels(pixels: NDArray[Any], channels: int, name: str) -> NDArray[Any]:
    """Return images with another number of channels: grey from colours, or grey for each colour."""
    if pixels.shape[-1] == channels:
        return pixels
    if pixels.shape[-1] == 1:
        return np.repeat(pixels, channels, axis=-1)
    if pixels.shape[-1] >= len(_LUMA) and channels == 1:
        grey = pixels[..., : len(_LUMA)] @ np.array(_LUMA)
        return _as_type(grey[..., None], pixels.dtype)
    raise InputError(
        f"Images of {name} have {pixels.shape[-1]} channels, and the networks take {channels}: only colours can be "
        "turned to grey, and grey to any number."
    )


def _resized(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Return images scaled to a size: linear between pixels, and the mean of all that fall into a smaller one."""
    from PIL import Image  # a tenth of a second, which commands without it spare

    scaled = np.empty((len(pixels), height, width, pixels.shape[-1]), dtype=pixels.dtype)
    for number, image in enumerate(pixels):
        for channel in range(pixels.shape[-1]):
            plane = Image.fromarray(image[..., channel].astype(np.float32))
            resized = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
            scaled[number, ..., channel] = _as_type(resized, pixels.dtype)
    return scaled


def _as_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.uint8:
        return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
    return np.asarray(values, dtype=dtype)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(length) for length in shape)
