"""Fully connected layers, and activation functions."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from deepchord.shared.errors import InputError
from deepchord.shared.network.layers.layer import Activation, Filters, NetworkLayer, PenalizedLayer
from deepchord.shared.network.layers.place import Outline, Place, named_weights


class Dense(PenalizedLayer):
    """A fully connected layer; weights `kernel` [in, units] and `bias` [units]."""

    added_fields: ClassVar = ("use_bias",)

    type: Literal["dense"] = "dense"
    #: The number of outputs. `classes` stands for the number of classes of the data set, `outputs` for what the last
    #: layer needs, whatever is predicted.
    units: Filters | Literal["classes", "outputs"]
    activation: Activation = "linear"
    use_bias: bool = True

    def outline(self, place: Place) -> Outline:
        """Return the shape [units], and the weights."""
        shape = place.shape
        if len(shape) != 1:
            raise InputError(f"Layer {place.name} needs a flat input, found the shape {shape}: add a flatten layer.")
        if self.units == "classes" and not place.outputs.classes:
            raise InputError(
                f'Layer {place.name} has units = "classes", but {place.outputs.what} are predicted: expected units = '
                '"outputs".'
            )
        units = place.outputs.size if isinstance(self.units, str) else self.units
        return Outline((units,), named_weights(kernel=(shape[0], units), bias=(units,) if self.use_bias else None))


class ActivationLayer(NetworkLayer):
    """An activation function as a layer, for example after batch normalization."""

    type: Literal["activation"] = "activation"
    activation: Activation

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input."""
        return Outline(place.shape)


class LeakyReLU(NetworkLayer):
    """Keeps positive values, and multiplies negative ones by a small slope (Maas et al. 2013)."""

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input."""
        return Outline(place.shape)
