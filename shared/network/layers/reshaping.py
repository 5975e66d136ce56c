"""Layers that lay values out anew, or scale them by fixed numbers; they learn nothing."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, field_validator

from deepchord.shared.errors import InputError
from deepchord.shared.network.layers.layer import NetworkLayer, Windows, pair
from deepchord.shared.network.layers.place import Outline, Place

Length = Annotated[int, Field(ge=1, le=2**20)]
_Edge = Annotated[int, Field(ge=0, le=1024)]
_Numbers = FiniteFloat | Annotated[tuple[FiniteFloat, ...], Field(min_length=1, max_length=65536)]


class Flatten(NetworkLayer):
    """All values of an input in one vector, channels last."""

    type: Literal["flatten"] = "flatten"

    def outline(self, place: Place) -> Outline:
        """Return the shape [values]."""
        return Outline((math.prod(place.shape),))


class Reshape(NetworkLayer):
    """The same values in another shape, in the same order."""

    type: Literal["reshape"] = "reshape"
    #: One length, two (a sequence: length, channels) or three (an image: height, width, channels).
    target_shape: Annotated[tuple[Length, ...], Field(min_length=1, max_length=3)]

    def outline(self, place: Place) -> Outline:
        """Return the target shape."""
        if math.prod(place.shape) != math.prod(self.target_shape):
            raise InputError(
                f"Layer {place.name} makes the shape {self.target_shape} of {place.shape}; expected one of as many "
                f"values, {math.prod(place.shape)}, found {math.prod(self.target_shape)}."
            )
        return Outline(self.target_shape)


class ZeroPadding2D(NetworkLayer):
    """Zeros around an image."""

    type: Literal["zero_padding2d"] = "zero_padding2d"
    #: How many pixels: at all edges, or ((top, bottom), (left, right)).
    padding: _Edge | tuple[tuple[_Edge, _Edge], tuple[_Edge, _Edge]] = 1

    @field_validator("padding")
    @classmethod
    def _shortest(cls, padding: Any) -> Any:
        edges = {padding} if isinstance(padding, int) else {each for side in padding for each in side}
        return edges.pop() if len(edges) == 1 else padding

    @property
    def edges(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The pixels at ((top, bottom), (left, right))."""
        both = self.padding
        return ((both, both), (both, both)) if isinstance(both, int) else both

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, channels]."""
        height, width, channels = place.image()
        rows, columns = self.edges
        return Outline((height + sum(rows), width + sum(columns), channels))


class UpSampling2D(NetworkLayer):
    """Repeats each pixel."""

    type: Literal["up_sampling2d"] = "up_sampling2d"
    #: How often, downwards and to the right.
    size: Windows = 2

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, channels]."""
        height, width, channels = place.image()
        down, right = pair(self.size)
        return Outline((height * down, width * right, channels))


class Rescaling(NetworkLayer):
    """Multiplies by fixed numbers, and adds fixed numbers: one, or one for each channel."""

    type: Literal["rescaling"] = "rescaling"
    scale: _Numbers
    offset: _Numbers = 0.0

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input."""
        channels = place.shape[-1]
        for option, numbers in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(numbers, tuple) and len(numbers) != channels:
                raise InputError(
                    f"Layer {place.name} has {len(numbers)} numbers as its {option}; expected one, or one for each of "
                    f"the {channels} channels."
                )
        return Outline(place.shape)
