"""Reads the network from the configuration of a saved model, in layers of the allow-list."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import (
    ActivationLayer,
    Architecture,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    Residual,
    Shape,
    SimpleLayer,
)
from deepchord.shared.saved_models.graph import Sum, chain_of, layers_of
from deepchord.shared.saved_models.layers import TRAINING_ONLY, Converted, converted
from deepchord.shared.saved_models.options import Options
from deepchord.shared.saved_models.rescaling import NOTE, without_rescaling
from deepchord.shared.validation import explain, with_full_stop

#: Layers that say whether a model takes its images with channels first.
_ON_IMAGES = ("Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D")
_SHAPES = ("batch_shape", "batch_input_shape")
#: The longest allowed axis of an image.
_MAX_AXIS = 2**20


@dataclass(frozen=True, kw_only=True)
class SavedNetwork:
    """The network that a file describes, in layers of the allow-list."""

    architecture: Architecture
    #: The differences between `architecture` and the network in the file, as clauses.
    notes: tuple[str, ...] = ()
    #: Whether the network in the file divided its images by 255; `architecture` does not.
    rescales: bool = False
    #: The kinds of layers that only mattered in training, and that `architecture` does without.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DescribedNetwork(SavedNetwork):
    """A network from the configuration of a saved model, and how the file stores its weights."""

    #: The layers with weights, in the order of `weighted_layers`.
    weighted: tuple[Converted, ...]
    #: All layers of Keras, in Keras's order.
    listed: tuple[Options, ...]
    #: Whether the model takes images as [channels, height, width].
    channels_first: bool
    #: Whether the rows of the model's first dense layer are in the order [channels, height, width].
    rows_channels_first: bool


def described(configuration: Any, images: Shape, source: str) -> DescribedNetwork:
    """Return the network of a saved model.

    Args:
        configuration: The configuration as Keras wrote it: `model_config`, `config.json`, or `model.to_json()`.
        images: Height, width and channels of the images.
        source: The file, for error messages.

    Raises:
        CheckpointError: The configuration is not valid, deepchord does not compute the network, or the network takes
            images of another shape.
    """
    listed = layers_of(configuration, source)
    all_steps = chain_of(configuration, listed, source)
    chain, rescales = without_rescaling(tuple(step for step in all_steps if _computes(step)))
    shape = _input_shape(listed)
    if chain and isinstance(chain[0], Options) and chain[0].kind == "Reshape":
        shape, chain = _reshaped(chain[0], shape, images), chain[1:]
    steps = [_converted(step) for step in chain]
    flat = [layer for step in steps for layer in (step if isinstance(step, list) else [step])]
    is_first = _is_channels_first(flat, shape, images, source)
    _check_images(shape, images, is_first, source)
    _check_axes(flat, is_first, source)
    layers: list[Layer] = [_layer(step) for step in steps]
    if shape is not None and len(shape) == 1 and len(images) > 1:
        layers.insert(0, Flatten())
    flattens = [layer for layer in flat if layer.kind in ("Flatten", "Reshape")]
    layers, notes = _with_softmax(layers)
    return DescribedNetwork(
        architecture=_architecture(layers, source),
        weighted=tuple(layer for layer in flat if layer.weights),
        listed=listed,
        channels_first=is_first,
        rows_channels_first=is_first and bool(flattens) and not flattens[0].channels_first,
        notes=(*((NOTE,) if rescales else ()), *notes),
        rescales=rescales,
        left_out=tuple(dict.fromkeys(layer.kind for layer in listed if layer.kind in TRAINING_ONLY)),
    )


def _computes(step: Options | Sum) -> bool:
    return step.kind != "InputLayer" and step.kind not in TRAINING_ONLY


def _converted(step: Options | Sum) -> Converted | list[Converted]:
    if isinstance(step, Sum):
        return [converted(layer) for layer in step.layers if _computes(layer)]
    target = step.get("target_shape")
    if step.kind == "Reshape" and isinstance(target, list) and len(target) == 1:
        return Converted(layer=Flatten(), kind=step.kind, name=step.name)
    return converted(step)


def _layer(step: Converted | list[Converted]) -> Layer:
    if isinstance(step, Converted):
        return step.layer
    inside: tuple[SimpleLayer, ...] = tuple(layer.layer for layer in step)
    return Residual.model_construct(layers=inside)


def _with_softmax(layers: Sequence[Layer]) -> tuple[list[Layer], tuple[str, ...]]:
    """Return the layers, with a softmax added if they end in logits, and a note about that."""
    found = list(layers)
    while found and isinstance(found[-1], ActivationLayer) and found[-1].activation == "linear":
        found.pop()
    if found and isinstance(found[-1], Dense) and found[-1].activation == "linear":
        found[-1] = found[-1].model_copy(update={"activation": "softmax"})
    elif found and isinstance(found[-1], GlobalAveragePooling2D):
        found.append(ActivationLayer(activation="softmax"))
    else:
        return found, ()
    return found, ("gives logits: a softmax was added",)


def _architecture(layers: Sequence[Layer], source: str) -> Architecture:
    try:
        return Architecture.model_validate({"layers": [layer.model_dump() for layer in layers]})
    except ValidationError as error:
        raise CheckpointError(f"{source}: its network is not valid: {with_full_stop(explain(error))}") from error


def _input_shape(listed: tuple[Options, ...]) -> Shape | None:
    """Return the input shape of a model without the batch axis, unknown lengths as 0; None if it has none."""
    first = listed[0]
    found = first.get(*_SHAPES)
    if not isinstance(found, list) or not 2 <= len(found) <= 4:
        return None
    lengths = [0 if length is None else length for length in found[1:]]
    if not all(isinstance(length, int) and 0 <= length <= _MAX_AXIS for length in lengths):
        first.refuse(f"takes the shape {found!r:.60}")
    return tuple(lengths)


def _reshaped(reshape: Options, shape: Shape | None, images: Shape) -> Shape:
    target = reshape.get("target_shape")
    lengths = target if isinstance(target, list) else []
    fits = len(lengths) == 3 and all(isinstance(length, int) and length <= _MAX_AXIS for length in lengths)
    if not fits or (shape is not None and math.prod(shape) not in (0, math.prod(images))):
        reshape.refuse(f"makes the shape {target!r:.60} of its input")
    return tuple(max(0, length) for length in lengths)


def _is_channels_first(layers: list[Converted], shape: Shape | None, images: Shape, source: str) -> bool:
    orders = {layer.channels_first for layer in layers if layer.kind in _ON_IMAGES} - {None}
    if len(orders) > 1:
        raise CheckpointError(f"{source}: its network counts channels first in some layers, and last in others.")
    if orders:
        return True in orders
    if len(images) != 3:
        return False
    height, width, channels = images
    return shape == (channels, height, width) != images


def _check_images(shape: Shape | None, images: Shape, is_first: bool, source: str) -> None:
    if shape is None:
        return
    if len(images) != 3:
        if shape != images and shape != (0,):
            raise CheckpointError(
                f"{source}: its network takes the shape {_times(shape)}, but a row of the data set has {images[0]} "
                "features."
            )
        return
    height, width, channels = images
    wanted: Shape = (channels, height, width) if is_first else images
    if len(shape) == 1:
        wanted = (math.prod(images),)
    elif len(shape) == 2 and channels == 1:
        wanted = (height, width)
    if len(shape) != len(wanted) or any(one not in (0, other) for one, other in zip(shape, wanted, strict=True)):
        raise CheckpointError(
            f"{source}: its network takes the shape {_times(shape)}, but an image of the data set is "
            f"{_times(images)} (height, width, channels); give the data set that it was trained with (--dataset)."
        )


def _check_axes(layers: list[Converted], is_first: bool, source: str) -> None:
    is_image = True
    for layer in layers:
        is_image = is_image and layer.kind not in ("Flatten", "Reshape", "GlobalAveragePooling2D", "Dense")
        allowed = ((1, -3) if is_first else (-1, 3)) if is_image else (-1, 1)
        if layer.axis is not None and layer.axis not in allowed:
            raise CheckpointError(
                f"{source}: its layer {layer.name!r} normalizes over the axis {layer.axis!r:.20}, which is not "
                "the channels'."
            )


def _times(shape: Shape) -> str:
    return "x".join(str(length or "?") for length in shape)
