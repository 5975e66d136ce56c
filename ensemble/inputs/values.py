"""Whether the values of images are those that the networks were trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo

#: Values this far outside of the training's range, as a share of its width, are obviously scaled otherwise.
_TOLERATED = 0.5
#: Training images with larger values than this were not scaled to 0..1.
_UNSCALED = 100.0


def checked_values(pixels: NDArray[Any], dataset: DatasetInfo) -> tuple[str, ...]:
    """Refuse whole numbers where dividing them by 255 would be a guess; say so where floats are scaled otherwise.

    Args:
        pixels: uint8 or float32.
        dataset: What the networks were trained on; if it does not describe its values, nothing is checked.

    Returns:
        What is to be warned of, in sentences.

    Raises:
        InputError: The images are uint8, and the networks were trained on floats outside of 0..1.
    """
    trained = dataset.pixels
    if trained is None:
        return ()
    if pixels.dtype == np.uint8:
        if trained.type == "float32" and (trained.lowest < 0 or trained.highest > 1):
            raise InputError(
                f"The networks were trained on floats from {trained.lowest:g} to {trained.highest:g}, and these images "
                "are whole numbers (uint8): prepare them as the training images were, and give floats."
            )
        return ()
    low, high = (0.0, 1.0) if trained.type == "uint8" else (trained.lowest, trained.highest)
    lowest, highest = float(pixels.min()), float(pixels.max())
    margin = _TOLERATED * (high - low)
    if lowest >= low - margin and highest <= high + margin and not (high > _UNSCALED and highest <= 1):
        return ()
    return (
        f"The images hold floats from {lowest:g} to {highest:g}, and the networks were trained on values from "
        f"{low:g} to {high:g}; floats are used as they are, so they are most likely scaled wrongly"
        f"{': divide them by 255, or give uint8' if (low, high) == (0.0, 1.0) and highest > 2 else ''}.",
    )
