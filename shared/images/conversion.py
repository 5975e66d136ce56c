"""Image files as arrays: what is predicted becomes an array in the same way as what was trained on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.images.fitting import fitted_pixels
from deepchord.shared.images.image_files import MAX_PIXELS, Picture, open_picture, picture_name
from deepchord.shared.messages import Fitting, ImageFiles

if TYPE_CHECKING:
    from PIL.Image import Image

_GREY, _COLOURS, _WITH_ALPHA = 1, 3, 4


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvertedPicture:
    """An image file as it goes into a data set."""

    #: uint8 [height, width, channels]: one channel if all of its colours are grey, otherwise three.
    pixels: NDArray[np.uint8]
    #: Whether any of its pixels were transparent; what shines through is white.
    was_transparent: bool


def convert_picture(image: Picture, size: tuple[int, int] | None, name: str) -> ConvertedPicture:
    """Return an image file as a data set takes it: upright, on white, scaled to a size.

    Args:
        image: The picture.
        size: Height and width to which it is scaled, whatever its own; None: it stays as large as it is.
        name: What it is called in errors.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    plain = _plain(open_picture(image, name), name)
    array = _array(plain, size)
    is_grey = array.shape[-1] == _GREY or bool((array == array[..., :1]).all())
    was_transparent = plain.mode == "RGBA" and plain.getchannel("A").getextrema() != (255, 255)
    return ConvertedPicture(pixels=array[..., :1] if is_grey else array, was_transparent=was_transparent)


def read_picture(
    image: Picture,
    shape: tuple[int, int, int],
    fit: Fitting,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    files: ImageFiles | None = None,
) -> NDArray[np.uint8]:
    """Return an image for a network as an array, uint8 [height, width, channels].

    Pictures are turned upright as their EXIF data say. If the network was trained on image files, the picture becomes
    an array as those did. Otherwise colours that are all grey count as grey, and an alpha channel that is opaque
    everywhere is left out.

    Args:
        image: A path, the bytes of a file, or an image of Pillow.
        shape: Height, width and channels that the networks take.
        fit: `resize` scales the image and turns its colours to grey, or grey to colours, transparency to white.
        name: What it is called in errors; None: its path.
        max_pixels: How many pixels it may have before it is scaled.
        files: How the image files that the networks were trained on became arrays; None: they were trained on arrays.

    Raises:
        InputError: It cannot be read, is too large, or does not fit.
    """
    called = name or picture_name(image)
    plain = _plain(open_picture(image, called, max_pixels), called)
    height, width, channels = shape
    if fit == "resize" and channels in (_GREY, _COLOURS):
        pixels = _with_axis(np.asarray(_scaled(plain, (height, width)).convert("L" if channels == _GREY else "RGB")))
    elif files is not None:
        pixels = _array(plain, (height, width) if files.scaled else None)
        if pixels.shape[-1] == _GREY:
            pixels = np.repeat(pixels, channels, axis=-1)
    else:
        pixels = _with_axis(np.asarray(plain))
        if pixels.shape[-1] == _WITH_ALPHA and channels != _WITH_ALPHA and (pixels[..., 3] == 255).all():
            pixels = pixels[..., :3]
    if pixels.shape[-1] == _COLOURS and channels == _GREY and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
    return np.asarray(fitted_pixels(pixels[None], shape, fit, called)[0], dtype=np.uint8)


def _array(plain: "Image", size: tuple[int, int] | None) -> NDArray[Any]:
    return _with_axis(np.asarray(_on_white(plain) if size is None else _scaled(plain, size)))


def _scaled(plain: "Image", size: tuple[int, int]) -> "Image":
    """Return a picture on white, scaled to height and width."""
    from PIL import Image

    height, width = size
    # Pillow averages all pixels that fall into one when it makes an image smaller.
    return _on_white(plain).resize((width, height), Image.Resampling.BILINEAR)


def _plain(image: "Image", name: str) -> "Image":
    """Return a picture as grey, colours, or colours with alpha; 8 bits each."""
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "PA", "La", "RGBa") or (image.mode == "P" and "transparency" in image.info):
        return image.convert("RGBA")
    if image.mode.startswith(("I", "F")):
        raise InputError(
            f"{name} has more than 8 bits a channel (mode {image.mode}), and what they stand for is not known: save it "
            "with 8 bits, or give an array."
        )
    return image.convert("RGB")


def _on_white(image: "Image") -> "Image":
    from PIL import Image

    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def _with_axis(array: NDArray[Any]) -> NDArray[Any]:
    return array[..., None] if array.ndim == 2 else array
