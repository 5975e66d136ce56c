"""The head of a network: the layer whose outputs become the probabilities of the classes."""

from collections.abc import Sequence

from deepchord.shared.network.architecture import Architecture
from deepchord.shared.network.layers import (
    ActivationLayer,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    NoiseLayer,
)

#: What may follow a head: layers without weights that keep the number of its outputs.
_AFTER = (ActivationLayer, Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D, NoiseLayer)


def head_place(layers: Sequence[Layer]) -> int | None:
    """Return the place of a network's head, a dense layer or a convolution; None if it ends in something else."""
    for place in reversed(range(len(layers))):
        if isinstance(layers[place], Dense | Conv2D):
            return place
        if not isinstance(layers[place], _AFTER):
            break
    return None


def outputs_of(layer: Layer, classes: int) -> int | None:
    """Return how many outputs a head has for so many classes; None if the layer can be none."""
    if isinstance(layer, Conv2D):
        return layer.filters
    if isinstance(layer, Dense):
        return classes if isinstance(layer.units, str) else layer.units
    return None


def with_classes(head: Layer, classes: int) -> Layer:
    """Return a head with one output for each class."""
    if isinstance(head, Conv2D):
        return head.model_copy(update={"filters": classes})
    return head.model_copy(update={"units": "classes"})


def with_linear_head(architecture: Architecture, outputs: int) -> Architecture:
    """Return a network that ends in its dense head, with so many outputs as they are; itself if it has no such head."""
    place = head_place(architecture.layers)
    head = None if place is None else architecture.layers[place]
    if not isinstance(head, Dense):
        return architecture
    linear = head.model_copy(update={"units": outputs, "activation": "linear"})
    return Architecture(layers=(*architecture.layers[:place], linear))


def with_outputs(architecture: Architecture, outputs: int) -> Architecture:
    """Return a network whose head has so many outputs; the network itself if it has them, or has no head.

    For a data set with as many classes, that is.
    """
    place = head_place(architecture.layers)
    if place is None or outputs_of(architecture.layers[place], outputs) == outputs:
        return architecture
    changed = with_classes(architecture.layers[place], outputs)
    return Architecture(layers=(*architecture.layers[:place], changed, *architecture.layers[place + 1 :]))
