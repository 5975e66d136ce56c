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
    GlobalAveragePooling2D,
    Layer,
    Reshape,
    Shape,
)
from deepchord.shared.saved_models.assembly import MAX_AXIS, Assembled, assembled
from deepchord.shared.saved_models.kinds import Converted, left_out
from deepchord.shared.saved_models.nesting import flat_model
from deepchord.shared.saved_models.options import Options
from deepchord.shared.saved_models.rescaling import NOTE
from deepchord.shared.validation import explain, with_full_stop

#: Layers that say whether a model takes its images with channels first.
_ON_IMAGES = ("Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D")
_SHAPES = ("batch_shape", "batch_input_shape")
#: Layers that are converted of networks with channels first, too.
_WITH_CHANNELS_FIRST = frozenset(
    {
        *(*_ON_IMAGES, "Flatten", "Reshape", "Dense", "BatchNormalization", "Add"),
        *("Activation", "ReLU", "ELU", "Softmax", "Dropout", "GaussianNoise"),
    }
)


@dataclass(frozen=True, kw_only=True)
class SavedNetwork:
    """The network that a file describes, in layers of the allow-list."""

    architecture: Architecture
    #: The differences between `architecture` and the network in the file, as clauses.
    notes: tuple[str, ...] = ()
    #: Whether the network in the file divided its images by 255; `architecture` does not.
    rescales: bool = False
    #: What only mattered in training, and `architecture` does without, as clauses.
    left_out: tuple[str, ...] = ()
    #: The places in `architecture.layers` of those with weights that the file does not train, `trainable = false`.
    frozen: tuple[int, ...] = ()


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


def described(configuration: Any, images: Shape, source: str, keras_version: str | None = None) -> DescribedNetwork:
    """Return the network of a saved model.

    Args:
        configuration: The configuration as Keras wrote it: `model_config`, `config.json`, or `model.to_json()`.
        images: Height, width and channels of the images.
        source: The file, for error messages.
        keras_version: The version of the Keras that wrote it; None: only the configuration may tell it.

    Raises:
        CheckpointError: The configuration is not valid, deepchord does not compute the network, or the network takes
            images of another shape.
    """
    model = flat_model(configuration, source, keras_version or _version_in(configuration))
    listed = model.listed
    first = listed[0]
    found = assembled(model.steps, _input_shape(first), images)
    is_first = _is_channels_first(found.converted, found.shape, images, source)
    _check_images(found.shape, images, is_first, source)
    if is_first:
        _check_kinds(found.converted, source)
    _check_axes(found, is_first, source)
    flattens = [layer for layer in found.converted if layer.kind in ("Flatten", "Reshape")]
    layers, notes = _with_softmax(found.layers)
    return DescribedNetwork(
        architecture=_architecture(layers, source),
        weighted=tuple(layer for layer in found.converted if layer.weights),
        listed=listed,
        channels_first=is_first,
        rows_channels_first=is_first and bool(flattens) and not flattens[0].channels_first,
        notes=(*((NOTE,) if found.rescales else ()), *notes),
        rescales=found.rescales,
        frozen=tuple(found.frozen),
        left_out=tuple(dict.fromkeys(clause for layer in listed for clause in left_out(layer))),
    )


def _version_in(configuration: Any) -> str | None:
    """Return the version of Keras 1 or 2 that wrote a configuration as text; Keras 3 does not tell its own."""
    found = configuration.get("keras_version") if isinstance(configuration, dict) else None
    return found if isinstance(found, str) else None


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


def _input_shape(first: Options) -> Shape | None:
    """Return the input shape of a model without the batch axis, unknown lengths as 0; None if it has none."""
    found = first.get(*_SHAPES)
    if not isinstance(found, list) or not 2 <= len(found) <= 4:
        return None
    lengths = [0 if length is None else length for length in found[1:]]
    if not all(isinstance(length, int) and 0 <= length <= MAX_AXIS for length in lengths):
        first.refuse(f"takes the shape {found!r:.60}")
    return tuple(lengths)


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


def _check_kinds(layers: Sequence[Converted], source: str) -> None:
    """Raise `CheckpointError` if a network with channels first has a layer that is only known with channels last."""
    for layer in layers:
        if layer.kind not in _WITH_CHANNELS_FIRST or isinstance(layer.layer, Reshape):
            raise CheckpointError(
                f"{source}: its network counts channels first, and has the layer {layer.name!r} of the type "
                f"{layer.kind}; expected a network with channels last."
            )


def _check_axes(found: Assembled, is_first: bool, source: str) -> None:
    for layer, axes in zip(found.converted, found.axes, strict=True):
        allowed = (1, -3) if is_first and axes == 3 else (-1, axes)
        if layer.axis is not None and layer.axis not in allowed:
            raise CheckpointError(
                f"{source}: its layer {layer.name!r} works along the axis {layer.axis!r:.20}, which is not the "
                "channels'."
            )


def _times(shape: Shape) -> str:
    return "x".join(str(length or "?") for length in shape)
