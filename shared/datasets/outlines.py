"""Checks the shapes and types of a data set, so that a wrong file is refused before its images are unpacked.

An outline is an array of which only shape and type matter; see `deepchord.shared.files.npz_outlines`.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.images import check_image_outline, images_with_channels_last

Arrays = Mapping[str, NDArray[Any]]


def with_channels_last(arrays: Arrays, source: str, channels_first: bool | None) -> dict[str, NDArray[Any]]:
    """Return the arrays with images as [size, height, width, channels]; nothing is copied.

    Args:
        arrays: `x_train`, `y_train`, `x_test`, `y_test` and others, or outlines of them.
        source: The name of the file in errors.
        channels_first: Whether images of four axes are [size, channels, height, width]; None: images that look so are
            refused.

    Raises:
        DatasetError: The last axis counts the images, or the channels seem to come first and `channels_first` is None.
    """
    turned = dict(arrays)
    for part in ("train", "test"):
        name = f"x_{part}"
        _check_size_comes_first(arrays[name], arrays[f"y_{part}"], name, source)
        turned[name] = images_with_channels_last(arrays[name], f"{source}: {name}", channels_first)
    return turned


def check_outlines(arrays: Arrays, source: str, *, is_table: bool = False) -> None:
    """Raise `DatasetError` unless the arrays' shapes and types are those of one data set, of images or of a table."""
    for part in ("train", "test"):
        if not is_table:
            check_image_outline(arrays[f"x_{part}"], f"{source}: x_{part}")
        check_label_outline(arrays[f"y_{part}"], len(arrays[f"x_{part}"]), f"{source}: y_{part}")
    train, test = arrays["x_train"], arrays["x_test"]
    if is_table:
        return  # one preprocessing has made both
    if _pixels(train) != _pixels(test):
        raise DatasetError(
            f"{source}: images of x_train are {_shape(train)} (height x width x channels), "
            f"those of x_test {_shape(test)}."
        )
    if (train.dtype.kind == "b") != (test.dtype.kind == "b"):
        raise DatasetError(
            f"{source}: x_train holds {train.dtype} and x_test {test.dtype}, which would be scaled differently; "
            "save both in one type."
        )


def check_label_outline(labels: NDArray[Any], size: int, label: str) -> None:
    """Raise `DatasetError` unless there is a label, or a row of labels, for each of `size` images."""
    if labels.dtype.kind in "US":
        raise DatasetError(
            f"{label}: expected numbers as labels, found {labels.dtype}; numpy.unique with return_inverse=True gives "
            "the class_names and the numbers, over y_train and y_test together."
        )
    if labels.dtype.kind not in "buif":
        raise DatasetError(f"{label}: expected numbers as labels, found {labels.dtype}.")
    if labels.ndim not in (1, 2) or 0 in labels.shape[1:]:
        raise DatasetError(
            f"{label}: expected labels as [size], [size, 1] or one-hot [size, classes], "
            f"found the shape {list(labels.shape)}."
        )
    if len(labels) != size:
        raise DatasetError(f"{label} holds {len(labels)} labels for {size} images.")


def _check_size_comes_first(images: NDArray[Any], labels: NDArray[Any], name: str, source: str) -> None:
    if images.ndim not in (3, 4) or not labels.ndim:
        return
    if len(labels) == images.shape[-1] and len(labels) != len(images):
        raise DatasetError(
            f"{source}: {name} has the shape {list(images.shape)}, and there are {len(labels)} labels: its images lie "
            f"along the last axis, and deepchord takes them along the first: save numpy.moveaxis({name}, -1, 0)."
        )


def _pixels(images: NDArray[Any]) -> tuple[int, ...]:
    return images.shape[1:] if images.ndim == 4 else (*images.shape[1:], 1)


def _shape(images: NDArray[Any]) -> str:
    return "x".join(str(length) for length in _pixels(images))
