"""Opens image files with Pillow: PNG, JPEG and the like; what is damaged, huge or no image is refused in a sentence."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import check_regular

if TYPE_CHECKING:
    from PIL.Image import Image

#: What Pillow may open: formats with code of their own that is well tested.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
#: The endings of files that are taken from a folder.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"})
#: A larger image is a mistake or an attack: it takes hundreds of MiB when it is unpacked.
MAX_PIXELS = 64_000_000
#: The tag of EXIF that tells how the camera was held, and its values for images that lie on their side.
_ORIENTATION, _ON_THEIR_SIDE = 0x0112, (5, 6, 7, 8)

#: A path, the bytes of a file, or an image of Pillow.
Picture: TypeAlias = Union[str, "os.PathLike[str]", bytes, "Image"]


def is_picture(image: object) -> bool:
    """Return whether something is an image of Pillow; does not import Pillow."""
    return type(image).__module__.startswith("PIL.")


def picture_name(image: Picture) -> str:
    """Return what a picture is called in errors: its path, if it has one."""
    return printable_path(os.fspath(image)) if isinstance(image, str | os.PathLike) else "The image"


def open_picture(image: Picture, name: str, max_pixels: int = MAX_PIXELS) -> "Image":
    """Return a picture that is unpacked and upright, as its EXIF data say.

    Args:
        image: The picture.
        name: What it is called in errors.
        max_pixels: How many pixels it may have.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    from PIL import Image, ImageOps

    with _explained(name, max_pixels), _opened(image) as opened:
        _check_size(opened, name, max_pixels)
        upright: Image.Image = ImageOps.exif_transpose(opened)
        upright.load()
    return upright


def picture_size(image: Path | bytes, name: str) -> tuple[int, int]:
    """Return height and width of an image file or of its bytes, upright.

    It is unpacked only if it lies on its side, or is a TIFF.

    Raises:
        InputError: It is no image that can be read, or is too large.
    """
    from PIL import ImageOps

    with _explained(name, MAX_PIXELS), _opened(image) as opened:
        _check_size(opened, name, MAX_PIXELS)
        # Pillow turns a TIFF itself, and turns it back if its EXIF data were asked for before.
        is_turned = opened.format == "TIFF" or opened.getexif().get(_ORIENTATION) in _ON_THEIR_SIDE
        width, height = ImageOps.exif_transpose(opened).size if is_turned else opened.size
    return height, width


def picture_pixels(data: bytes, name: str) -> int:
    """Return how many pixels an image file says to have; nothing is unpacked.

    Raises:
        InputError: It is no image that can be read.
    """
    from PIL import Image

    with _explained(name, MAX_PIXELS):
        try:
            with _opened(data) as opened:
                width, height = opened.size
        except Image.DecompressionBombError:
            return sys.maxsize  # so many that Pillow does not open it
    return int(width * height)


@contextmanager
def _explained(name: str, max_pixels: int) -> Iterator[None]:
    """Turn whatever Pillow raises into an `InputError`."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except (InputError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} is too large: at most {max_pixels:,} pixels are read.") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is no image that can be read; expected {', '.join(FORMATS)}.") from error
    except FileNotFoundError as error:
        raise InputError(f"There is no file {name}.") from error
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{name} cannot be read as an image: {str(reason).rstrip(' .')}.") from error


@contextmanager
def _opened(image: Picture) -> "Iterator[Image]":
    """Open a picture; a file stays open as long as the block lasts."""
    from PIL import Image

    if isinstance(image, Image.Image):
        yield image
        return
    if isinstance(image, bytes):
        yield Image.open(io.BytesIO(image), formats=FORMATS)
        return
    path = user_path(Path(image))
    check_regular(path)
    # Of a path Pillow 13 would map a plain TIFF into memory, and then turn it twice.
    with path.open("rb") as file:
        yield Image.open(file, formats=FORMATS)


def _check_size(image: "Image", name: str, most: int) -> None:
    width, height = image.size
    if width * height > most:
        raise InputError(f"{name} has {width}x{height} pixels; at most {most:,} are read.")
