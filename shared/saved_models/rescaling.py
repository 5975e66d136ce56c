"""Removes the layer with which a network scales its images: deepchord scales them before every network."""

from typing import Any

from deepchord.shared.saved_models.graph import Chain, Sum
from deepchord.shared.saved_models.options import Options

#: The note about a network without its scaling layer.
NOTE = "divides its images by 255: that layer was left out, because deepchord gives it images in 0..1"
_KIND = "Rescaling"
#: The tolerance for the scale times 255, and for the offset: some people write 0.00392.
_TOLERANCE = 1e-3
#: Layers that do not change the values of pixels.
_SHAPING = ("Reshape", "Flatten")


def without_rescaling(chain: Chain) -> tuple[Chain, bool]:
    """Return a chain without a first layer that divides by 255, and whether there was one.

    Args:
        chain: Only layers that compute something in predictions.

    Raises:
        CheckpointError: A layer scales by another factor, or in another place.
    """
    first = next((place for place, step in enumerate(chain) if step.kind not in _SHAPING), None)
    for place, step in enumerate(chain):
        for layer in step.layers if isinstance(step, Sum) else (step,):
            if layer.kind == _KIND:
                _check(layer, is_first=layer is step and place == first)
    rest = tuple(step for step in chain if step.kind != _KIND)
    return rest, len(rest) < len(chain)


def _check(layer: Options, *, is_first: bool) -> None:
    offset = layer.get("offset", default=0.0)
    scaling = f"multiplies by {layer.shown('scale')} and adds {layer.shown('offset', default=0.0)}"
    if not is_first:
        layer.refuse(f"{scaling} after other layers", "train a network that has it first, or does without")
    if not (_is_about(layer.get("scale"), 1, 255) and _is_about(offset, 0, 1)):
        layer.refuse(scaling, "save the model without this layer, and the images as floats that are scaled so")


def _is_about(value: Any, wanted: int, times: int) -> bool:
    """Return whether a number, or each number of a list, times `times` is close to `wanted`."""
    numbers = value if isinstance(value, list) and value else [value]
    return all(
        isinstance(number, int | float) and not isinstance(number, bool) and abs(number * times - wanted) <= _TOLERANCE
        for number in numbers
    )
