"""The place of a layer in one network: what it takes there, from which its shapes follow."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from deepchord.shared.errors import InputError
from deepchord.shared.network.task import Outputs

#: The lengths of the axes of an input or output, without the axis of the batch.
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class WeightShape:
    """The name and shape of one weight array of a layer."""

    name: str
    shape: Shape


class Outline(NamedTuple):
    """What a layer makes of its inputs in one network, and the arrays that it learns."""

    output_shape: Shape
    weights: tuple[WeightShape, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a layer takes in one network; its methods raise `InputError` with the layer's name if that does not fit."""

    #: The layer's name.
    name: str
    #: The shapes of its inputs; one, unless it joins several.
    inputs: tuple[Shape, ...]
    #: What the network's last layer is to give.
    outputs: Outputs

    @property
    def shape(self) -> Shape:
        """The shape of its only input, or of the first."""
        return self.inputs[0]

    def image(self) -> tuple[int, int, int]:
        """Return height, width and channels of its input.

        Raises:
            InputError: It is no image.
        """
        if len(self.shape) != 3:
            raise InputError(
                f"Layer {self.name} needs an image (height, width, channels), found the shape {self.shape}: rows of a "
                "table are for dense layers, such as those of --preset tabular."
            )
        return self.shape[0], self.shape[1], self.shape[2]

    def sequence(self) -> tuple[int, int]:
        """Return length and channels of its input.

        Raises:
            InputError: It is no sequence.
        """
        if len(self.shape) != 2:
            raise InputError(
                f"Layer {self.name} needs a sequence (length, channels), found the shape {self.shape}: a reshape "
                "layer makes one."
            )
        return self.shape[0], self.shape[1]

    def window_counts(self, windows: tuple[int, ...], strides: tuple[int, ...], *, padded: bool) -> Shape:
        """Return how many windows fit along each axis of pixels or steps.

        Args:
            windows: The lengths of a window, dilation included.
            strides: From one window to the next.
            padded: Whether windows may reach beyond the edges, as `same` lets them.

        Raises:
            InputError: A window is larger than the input.
        """
        lengths = self.shape[:-1]
        if padded:
            return tuple(math.ceil(length / stride) for length, stride in zip(lengths, strides, strict=True))
        if any(length < window for length, window in zip(lengths, windows, strict=True)):
            is_image = len(lengths) == 2
            raise InputError(
                f"Layer {self.name} needs at least {_times(windows)} {'pixels' if is_image else 'steps'}, found "
                f"{_times(lengths)}: the {'images' if is_image else 'sequences'} are too small for this network; "
                "use fewer pooling layers or padding = 'same'."
            )
        return tuple(
            (length - window) // stride + 1 for length, window, stride in zip(lengths, windows, strides, strict=True)
        )


def named_weights(**shapes: Shape | None) -> tuple[WeightShape, ...]:
    """Return the weights with these names and shapes, in this order; those that are None are left out."""
    return tuple(WeightShape(name=name, shape=shape) for name, shape in shapes.items() if shape is not None)


def _times(lengths: tuple[int, ...]) -> str:
    return "x".join(str(length) for length in lengths)
