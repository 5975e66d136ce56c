"""Reads image files with Pillow: PNG, JPEG and the like, in the size and the channels that networks take."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import check_regular
from deepchord.shared.images import fitted_pixels
from deepchord.shared.messages import Fitting

if TYPE_CHECKING:
    from PIL.Image import Image

#: What Pillow may open: formats with code of their own that is well tested.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
#: The endings of files that are taken from a folder.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"})
#: A larger image is a mistake or an attack: it takes hundreds of MiB when it is unpacked.
MAX_PIXELS = 64_000_000
_GREY, _COLOURS, _WITH_ALPHA = 1, 3, 4


def is_picture(image: object) -> bool:
    """Return whether something is an image of Pillow; does not import Pillow."""
    return type(image).__module__.startswith("PIL.")


def read_picture(
    image: "str | os.PathLike[str] | bytes | Image",
    shape: tuple[int, int, int],
    fit: Fitting,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Return an image as an array, uint8 [height, width, channels].

    Pictures are turned upright as their EXIF data say. Colours that are all grey count as grey, and an alpha channel
    that is opaque everywhere is left out.

    Args:
        image: A path, the bytes of a file, or an image of Pillow.
        shape: Height, width and channels that the networks take.
        fit: `resize` scales the image and turns its colours to grey, or grey to colours, transparency to white.
        name: What it is called in errors; None: its path.
        max_pixels: How many pixels it may have before it is scaled.

    Raises:
        InputError: It cannot be read, is too large, or does not fit.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    called = name or (printable_path(os.fspath(image)) if isinstance(image, str | os.PathLike) else "The image")
    try:
        opened = image if isinstance(image, Image.Image) else _opened(image)
        _check_size(opened, called, max_pixels)
        upright = ImageOps.exif_transpose(opened)
        upright.load()
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{called} is too large: at most {max_pixels:,} pixels are read.") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{called} is no image that can be read; expected {', '.join(FORMATS)}.") from error
    except FileNotFoundError as error:
        raise InputError(f"There is no file {called}.") from error
    except Exception as error:
        raise InputError(f"{called} cannot be read as an image: {error}.") from error
    pixels = _as_array(upright, shape, fit, called)
    return np.asarray(fitted_pixels(pixels[None], shape, fit, called)[0], dtype=np.uint8)


def picture_pixels(data: bytes, name: str) -> int:
    """Return how many pixels an image file says to have; nothing is unpacked.

    Raises:
        InputError: It is no image that can be read.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        width, height = _opened(data).size
    except Image.DecompressionBombError:
        return sys.maxsize  # so many that Pillow does not open it
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is no image that can be read; expected {', '.join(FORMATS)}.") from error
    except Exception as error:
        raise InputError(f"{name} cannot be read as an image: {error}.") from error
    return int(width * height)


def _opened(image: "str | os.PathLike[str] | bytes") -> "Image":
    from PIL import Image

    if isinstance(image, bytes):
        return Image.open(io.BytesIO(image), formats=FORMATS)
    path = user_path(Path(image))
    check_regular(path)
    return Image.open(path, formats=FORMATS)


def _check_size(image: "Image", name: str, most: int) -> None:
    width, height = image.size
    if width * height > most:
        raise InputError(f"{name} has {width}x{height} pixels; at most {most:,} are read.")


def _as_array(image: "Image", shape: tuple[int, int, int], fit: Fitting, name: str) -> NDArray[Any]:
    """Return a picture with the channels it really has; if it is to be fitted, with those and the size wanted."""
    height, width, channels = shape
    plain = _plain(image, name)
    if fit == "resize" and channels in (_GREY, _COLOURS):
        from PIL import Image

        # Pillow averages all pixels that fall into one when it makes an image smaller.
        sized = _on_white(plain).resize((width, height), Image.Resampling.BILINEAR)
        return _with_axis(np.asarray(sized.convert("L" if channels == _GREY else "RGB")))
    array = _with_axis(np.asarray(plain))
    if array.shape[-1] == _WITH_ALPHA and channels != _WITH_ALPHA and (array[..., 3] == 255).all():
        array = array[..., :3]
    if array.shape[-1] == _COLOURS and channels == _GREY and (array == array[..., :1]).all():
        array = array[..., :1]
    return array


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
