"""Normalizations: over a batch, over the channels, and over groups of channels."""

from typing import Annotated, Literal

from pydantic import Field

from deepchord.shared.errors import InputError
from deepchord.shared.network.layers.layer import Epsilon, NetworkLayer
from deepchord.shared.network.layers.place import Outline, Place, named_weights


class BatchNormalization(NetworkLayer):
    """Normalizes each channel; weights `gamma`, `beta`, `moving_mean`, `moving_variance`, each [channels]."""

    type: Literal["batch_normalization"] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    epsilon: Epsilon = 0.001

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input, and the weights."""
        channels = place.shape[-1:]
        weights = named_weights(gamma=channels, beta=channels, moving_mean=channels, moving_variance=channels)
        return Outline(place.shape, weights)


class LayerNormalization(NetworkLayer):
    """Normalizes the channels of each pixel or step (Ba et al. 2016); weights `gamma` and `beta`, each [channels]."""

    type: Literal["layer_normalization"] = "layer_normalization"
    epsilon: Epsilon = 0.001

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input, and the weights."""
        channels = place.shape[-1:]
        return Outline(place.shape, named_weights(gamma=channels, beta=channels))


class GroupNormalization(NetworkLayer):
    """Normalizes groups of channels over all pixels (Wu and He 2018); weights `gamma` and `beta`, each [channels]."""

    type: Literal["group_normalization"] = "group_normalization"
    #: Into how many groups the channels are split.
    groups: Annotated[int, Field(ge=1, le=65536)] = 32
    epsilon: Epsilon = 0.001

    def outline(self, place: Place) -> Outline:
        """Return the shape of the input, and the weights."""
        channels = place.shape[-1:]
        if channels[0] % self.groups:
            raise InputError(
                f"Layer {place.name} splits {channels[0]} channels into {self.groups} groups; expected a number of "
                "groups that divides it."
            )
        return Outline(place.shape, named_weights(gamma=channels, beta=channels))
