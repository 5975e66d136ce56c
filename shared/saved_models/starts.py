"""Reads the weights that members start from: those of a file, all but a head that has other outputs."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepchord.shared.checkpoints import StoredLayer, Weights, weighted_layers
from deepchord.shared.command_line import user_path
from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import (
    Architecture,
    Conv2D,
    Outputs,
    ResolvedArchitecture,
    Shape,
    head_place,
    outputs_of,
    resolve_layers,
    with_linear_head,
    with_outputs,
)
from deepchord.shared.saved_models.containers import opened_model
from deepchord.shared.saved_models.description import DescribedNetwork
from deepchord.shared.saved_models.reading import described_in, stored_in, weights_in


@dataclass(frozen=True, kw_only=True, eq=False)
class StartingWeights:
    """The weights of a file for a network that is to be trained."""

    #: In the order of `weighted_layers`; those of a layer in `drawn` are zeros.
    weights: Weights
    #: The names of the layers that the file has no weights for: each member draws its own.
    drawn: tuple[str, ...] = ()
    #: How many outputs the network in the file has.
    outputs: int
    #: Clauses about what was converted.
    notes: tuple[str, ...] = ()
    #: Whether the network in the file takes pixels from 0 to 255; ours takes them from 0 to 1.
    rescales: bool = False


def read_start(
    path: Path, architecture: Architecture, images: Shape, classes: int = 0, targets: int = 0, *, new_head: bool = False
) -> StartingWeights:
    """Return the weights of a file for the layers of a network.

    Args:
        path: HDF5 or `.keras`, of any Keras or of deepchord.
        architecture: The network that is to be trained. Its head may have other outputs than that of the file, which
            is drawn anew then; everything else must be the same.
        images: Height, width and channels of the images, or the number of features.
        classes: How many classes the data set has; 0: numbers are predicted.
        targets: How many numbers are predicted; 0: classes are. The head of a model that Keras saved is drawn anew for
            them: what it says is no mean and variance.
        new_head: Whether the head is drawn anew although it would fit.

    Raises:
        CheckpointError: The file is damaged, no weight file, or of another network; the message names the layer.
    """
    network = architecture.resolve(input_shape=images, classes=classes, targets=targets)
    wanted = network.outputs.size
    with opened_model(user_path(path)) as container:
        source = container.source
        found = described_in(container, images)
        outputs = _outputs(found, stored_in(container, network, found), architecture, wanted)
        if targets:
            read = weights_in(container, _linear(architecture, images, outputs), _with_linear_head(found, outputs))
        else:
            theirs = with_outputs(architecture, outputs).resolve(input_shape=images, classes=outputs)
            read = weights_in(container, theirs, found)
    is_new = new_head or outputs != wanted or (targets > 0 and found is not None)
    drawn = _head_name(architecture, network) if is_new else None
    if drawn is None and is_new:
        raise CheckpointError(
            f"{source} has {outputs} outputs, and no head that could be drawn anew: expected a dense layer or a "
            "convolution at the end of the network, with nothing but activations behind it."
        )
    weights = tuple(
        tuple(np.zeros(one.shape, np.float32) for one in layer.weights) if layer.name == drawn else arrays
        for layer, arrays in zip(weighted_layers(network), read.weights, strict=True)
    )
    return StartingWeights(
        weights=weights,
        drawn=() if drawn is None else (drawn,),
        outputs=outputs,
        notes=read.notes,
        rescales=read.rescales,
    )


def _linear(architecture: Architecture, images: Shape, size: int) -> ResolvedArchitecture:
    """Return a network with so many outputs, whatever they mean; it is only read into."""
    outputs = Outputs(classes=size)
    layers = resolve_layers(with_linear_head(architecture, size).layers, images, outputs)
    return ResolvedArchitecture(input_shape=images, layers=layers, outputs=outputs)


def _with_linear_head(found: DescribedNetwork | None, size: int) -> DescribedNetwork | None:
    """Return the network of a file without the activation of its head, which has no weights."""
    return None if found is None else replace(found, architecture=with_linear_head(found.architecture, size))


def _outputs(
    found: DescribedNetwork | None, stored: tuple[StoredLayer, ...], architecture: Architecture, classes: int
) -> int:
    """Return how many outputs the head of the file has; `classes` stands for those that the data set needs."""
    if found is not None:
        place = head_place(found.architecture.layers)
        return (place is not None and outputs_of(found.architecture.layers[place], classes)) or classes
    place = head_place(architecture.layers)
    if place is None or not stored:
        return classes
    shape = stored[-1].arrays[0].shape
    axes = 4 if isinstance(architecture.layers[place], Conv2D) else 2
    return int(shape[-1]) if len(shape) == axes else classes


def _head_name(architecture: Architecture, network: ResolvedArchitecture) -> str | None:
    """Return the name of the network's head."""
    return None if head_place(architecture.layers) is None else weighted_layers(network)[-1].name
