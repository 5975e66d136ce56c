"""Layers that only do something while a network is trained."""

from typing import Annotated, Literal

from pydantic import Field

from deepchord.shared.network.layers.layer import NetworkLayer
from deepchord.shared.network.layers.place import Outline, Place

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]


class Dropout(NetworkLayer):
    """Sets a random share of its inputs to zero while training, and scales the others up."""

    type: Literal["dropout"] = "dropout"
    rate: Rate

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input."""
        return Outline(place.shape)


class SpatialDropout2D(NetworkLayer):
    """Sets random channels of an image to zero while training, and scales the others up (Tompson et al. 2015)."""

    type: Literal["spatial_dropout2d"] = "spatial_dropout2d"
    rate: Rate

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input."""
        return Outline(place.image())


class GaussianNoise(NetworkLayer):
    """Adds normally distributed noise while training."""

    type: Literal["gaussian_noise"] = "gaussian_noise"
    #: The standard deviation of the noise, in the units of the input.
    stddev: Annotated[float, Field(ge=0.0, le=1000.0)]

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input."""
        return Outline(place.shape)


#: All layers that draw random numbers while training, and do nothing in predictions.
NoiseLayer = Dropout | SpatialDropout2D | GaussianNoise
