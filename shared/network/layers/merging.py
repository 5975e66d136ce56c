"""Layers that join the outputs of several layers."""

from typing import ClassVar, Literal

from deepchord.shared.errors import InputError
from deepchord.shared.network.layers.layer import NetworkLayer
from deepchord.shared.network.layers.place import Outline, Place


class _Elementwise(NetworkLayer):
    joins: ClassVar = True

    def outline(self, place: Place) -> Outline:
        """Return the shape of the inputs; an axis of the length 1 is stretched to that of the others."""
        lengths = [set(axis) - {1} for axis in zip(*place.inputs, strict=False)]
        if len({len(shape) for shape in place.inputs}) > 1 or any(len(axis) > 1 for axis in lengths):
            raise InputError(
                f"Layer {place.name} joins inputs of the shapes {', '.join(map(str, place.inputs))}; expected equal "
                "shapes, or axes of the length 1."
            )
        return Outline(tuple(axis.pop() if axis else 1 for axis in lengths))


class Add(_Elementwise):
    """The sum of its inputs."""

    type: Literal["add"] = "add"


class Multiply(_Elementwise):
    """The product of its inputs."""

    type: Literal["multiply"] = "multiply"


class Average(_Elementwise):
    """The mean of its inputs."""

    type: Literal["average"] = "average"


class Concatenate(NetworkLayer):
    """The channels of all inputs, one after the other."""

    joins: ClassVar = True

    type: Literal["concatenate"] = "concatenate"

    def outline(self, place: Place) -> Outline:
        """Return the shape of the inputs, with the channels of all."""
        if len({shape[:-1] for shape in place.inputs}) > 1:
            raise InputError(
                f"Layer {place.name} joins the channels of inputs of the shapes "
                f"{', '.join(map(str, place.inputs))}; expected shapes that differ in their channels only."
            )
        return Outline((*place.shape[:-1], sum(shape[-1] for shape in place.inputs)))
