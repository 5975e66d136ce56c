"""Tells the layer with which a network scales its images: deepchord scales them before every network."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.images import value_limits
from deepchord.shared.saved_models.options import Options

#: The note about a network without its scaling layer.
NOTE = "divides its images by 255: that layer was left out, because deepchord gives it images in 0..1"
#: The tolerance for the scale times 255, and for the offset: some people write 0.00392.
_TOLERANCE = 1e-3


def check_rescaling(layer: Options) -> None:
    """Raise `CheckpointError` unless a layer that takes a model's input divides it by 255."""
    offset = layer.get("offset", default=0.0)
    if not (_is_about(layer.get("scale"), 1, 255) and _is_about(offset, 0, 1)):
        layer.refuse(
            f"multiplies by {layer.shown('scale')} and adds {layer.shown('offset', default=0.0)}",
            "save the model without this layer, and the images as floats that are scaled so",
        )


def check_scaled(model: str, dataset: str, images: Iterable[NDArray[np.number]]) -> None:
    """Raise `InputError` if a saved network scaled its images itself, and these are floats outside of 0..1.

    Args:
        model: The name of the network's file.
        dataset: The name of the data set.
        images: deepchord divides images of whole numbers by 255, and uses floats as they are.
    """
    for each in images:
        if each.dtype == np.uint8:
            continue
        lowest, highest = value_limits(each)
        if lowest < 0 or highest > 1:
            raise InputError(
                f"{model} divides its images by 255 itself, and {dataset} holds floats from {lowest:g} to "
                f"{highest:g}, which are used as they are: save images as whole numbers from 0 to 255 (uint8), "
                "which deepchord divides by 255, or as floats from 0 to 1."
            )


def _is_about(value: Any, wanted: int, times: int) -> bool:
    """Return whether a number, or each number of a list, times `times` is close to `wanted`."""
    numbers = value if isinstance(value, list) and value else [value]
    return all(
        isinstance(number, int | float) and not isinstance(number, bool) and abs(number * times - wanted) <= _TOLERANCE
        for number in numbers
    )
