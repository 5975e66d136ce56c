"""Arrays, paths and pictures as one array of images that the networks take, or a sentence that says why not."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.inputs.converted import Converted, warn_of
from deepchord.ensemble.inputs.values import checked_values
from deepchord.shared.errors import InputError
from deepchord.shared.images import checked_images, fitted_pixels, is_picture, read_picture
from deepchord.shared.messages import DatasetInfo, Fitting

if TYPE_CHECKING:
    from PIL.Image import Image

#: A last axis that is longer certainly holds no channels.
_MOST_CHANNELS = 4

#: An array with one or more images, the path of an image file, or an image of Pillow.
ImageLike: TypeAlias = Union[NDArray[Any], str, os.PathLike[str], "Image"]


def as_images(
    images: ImageLike | Sequence[ImageLike], dataset: DatasetInfo, fit: Fitting = "none", *, name: str = "the array"
) -> NDArray[Any]:
    """Return images in the one layout, [images, height, width, channels], uint8 or float32; warn of odd values.

    For the arguments and errors see `convert_images`.
    """
    converted = convert_images(images, dataset, fit, name=name)
    warn_of(converted.warnings, 3)
    return converted.values


def convert_images(
    images: ImageLike | Sequence[ImageLike], dataset: DatasetInfo, fit: Fitting = "none", *, name: str = "the array"
) -> Converted:
    """Return images in the one layout, and what is to be warned of.

    Args:
        images: As `Ensemble.predict` takes them.
        dataset: What the networks were trained on.
        fit: What is done with images of another size or with other channels.
        name: What an array is called in errors.

    Raises:
        InputError: A file cannot be read, or images do not fit the networks.
        DatasetError: An array has no valid shape, type or values.
    """
    if fit not in ("none", "resize"):
        raise InputError(f"fit is {fit!r}; expected 'none' or 'resize'.")
    if _is_single_file(images):
        images = [images]  # type: ignore[list-item]  # what `_is_single_file` says
    if isinstance(images, list | tuple) and any(map(_is_file_or_array, images)):
        parts = [_one(image, number, dataset, fit) for number, image in enumerate(images)]
        _check_types(parts)
        pixels = np.concatenate(parts)
    else:
        pixels = _laid_out(np.asarray(images), dataset, fit, name)
    return Converted(values=pixels, warnings=checked_values(pixels, dataset))


def _one(image: Any, number: int, dataset: DatasetInfo, fit: Fitting) -> NDArray[Any]:
    """Return one image of a list as [1, height, width, channels]."""
    if _is_single_file(image):
        return read_picture(image, dataset.image_shape, fit, files=dataset.files)[None]
    array = np.asarray(image)
    pixels = _laid_out(array, dataset, fit, f"image {number}")
    if len(pixels) != 1:
        raise InputError(
            f"Image {number} of the list has the shape {list(array.shape)}: expected a single image "
            f"{list(dataset.image_shape)}; give several as one array."
        )
    return pixels


def _laid_out(array: NDArray[Any], dataset: DatasetInfo, fit: Fitting, name: str) -> NDArray[Any]:
    """Return an array of one or more images with all four axes."""
    height, width, channels = dataset.image_shape
    batch = array[None] if _is_single(array, dataset.image_shape) else array
    if batch.ndim not in (3, 4) or 0 in batch.shape:
        raise InputError(
            f"Expected images as [images, {height}, {width}, {channels}]"
            f"{f' or [images, {height}, {width}]' if channels == 1 else ''}, at least one; {name} has the shape "
            f"{list(array.shape)}."
        )
    return fitted_pixels(checked_images(batch, name), dataset.image_shape, fit, name)


def _is_single(array: NDArray[Any], shape: tuple[int, int, int]) -> bool:
    """Return whether an array is one image without an axis of images, not several grey ones."""
    if array.ndim == 3 and array.shape != shape:
        return array.shape[1:] != shape[:2] and array.shape[-1] <= _MOST_CHANNELS
    return array.ndim == 2 or array.shape == shape


def _check_types(parts: list[NDArray[Any]]) -> None:
    types = {str(part.dtype) for part in parts}
    if len(types) > 1:
        raise InputError(
            f"The images of the list hold {' and '.join(sorted(types))}: whole numbers are divided by 255 and floats "
            "are not; give all of them in one type."
        )


def _is_single_file(image: object) -> bool:
    return isinstance(image, str | os.PathLike) or is_picture(image)


def _is_file_or_array(image: object) -> bool:
    return _is_single_file(image) or isinstance(image, np.ndarray)
