"""The network as data: a validated list of layers and the shapes that follow from it. It contains no code."""

import json
import math
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from deepchord.shared.command_line import user_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import read_short_text
from deepchord.shared.network.layers import (
    LAYER_TYPES,
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    Layered,
    MaxPooling2D,
    Padding,
    Residual,
    SimpleLayer,
)

Shape = tuple[int, ...]

#: A larger network is a mistake or an attack: 100 million float32 values take 400 MB.
MAX_PARAMETERS = 100_000_000
#: Layers inside of blocks count, too. HDF5 has 64 KiB for the list of names in a checkpoint.
MAX_LAYERS = 512


@dataclass(frozen=True, kw_only=True)
class WeightShape:
    """The name and shape of one weight array of a layer."""

    name: str
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class ResolvedLayer:
    """A layer with its name and its shapes in one network."""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    weights: tuple[WeightShape, ...] = ()
    #: The layers inside of a residual block.
    layers: tuple["ResolvedLayer", ...] = ()


@dataclass(frozen=True, kw_only=True)
class ResolvedArchitecture:
    """An architecture with all shapes, for one input shape and one number of classes."""

    input_shape: Shape
    layers: tuple[ResolvedLayer, ...]

    @property
    def all_layers(self) -> tuple[ResolvedLayer, ...]:
        """All layers as one list; the layers inside of a residual block come before the block."""
        return tuple(each for layer in self.layers for each in (*layer.layers, layer))

    @property
    def parameters(self) -> int:
        """The number of values in all weights."""
        return sum(math.prod(weight.shape) for layer in self.all_layers for weight in layer.weights)


class Architecture(Layered):
    """A network as data: its layers in order, from the input to the output."""

    allowed = LAYER_TYPES

    layers: tuple[Annotated[Layer, Field(discriminator="type")], ...] = Field(min_length=1, max_length=MAX_LAYERS)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the architecture that a TOML or JSON file describes.

        Raises:
            InputError: The file cannot be read, is not TOML or JSON, or has a layer that is not valid.
        """
        path = user_path(path)
        try:
            text = read_short_text(path)
            data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise InputError(f"Architecture file {path} cannot be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"Architecture file {path} is neither valid TOML nor JSON: {error}.") from error
        return cls.parse(data, f"Architecture file {path}", InputError)

    def resolve(self, *, input_shape: Shape, classes: int) -> ResolvedArchitecture:
        """Return the architecture with the name and shapes of each layer.

        Args:
            input_shape: Height, width and channels of an image, or the number of a table's features.
            classes: The number of classes of the data set; the last layer must have as many outputs.

        Raises:
            InputError: The layers do not fit each other, the input or the classes.
        """
        layers = _resolved(self.layers, input_shape, classes, Counter())
        network = ResolvedArchitecture(input_shape=input_shape, layers=layers)
        if len(network.all_layers) > MAX_LAYERS:
            raise InputError(f"The network has {len(network.all_layers)} layers; at most {MAX_LAYERS}.")
        _check_output(network, classes)
        if network.parameters > MAX_PARAMETERS:
            raise InputError(f"The network has {network.parameters:,} parameters; at most {MAX_PARAMETERS:,}.")
        return network


def _resolved(
    layers: Iterable[Layer], input_shape: Shape, classes: int, counts: Counter[str]
) -> tuple[ResolvedLayer, ...]:
    """Return a chain of layers, numbered by type; `counts` holds the last number of each type."""
    resolved = []
    shape = input_shape
    for layer in layers:
        counts[layer.type] += 1
        name = f"{layer.type}_{counts[layer.type]}"
        if isinstance(layer, Residual):
            inside = _resolved(layer.layers, shape, classes, counts)
            _check_sum(name, shape, inside[-1].output_shape)
            result = ResolvedLayer(name=name, layer=layer, input_shape=shape, output_shape=shape, layers=inside)
        else:
            output, weights = _shapes(layer, name, shape, classes)
            result = ResolvedLayer(name=name, layer=layer, input_shape=shape, output_shape=output, weights=weights)
        resolved.append(result)
        shape = result.output_shape
    return tuple(resolved)


def _check_sum(name: str, added: Shape, made: Shape) -> None:
    if made != added:
        raise InputError(
            f"Layer {name} adds its input of the shape {added} to what its layers make of it, of the shape {made}; "
            "expected equal shapes: let its last convolution have as many filters as the input has channels, with "
            "padding = 'same' and without strides or pooling."
        )


def _check_output(network: ResolvedArchitecture, classes: int) -> None:
    last = network.layers[-1]
    if last.output_shape != (classes,):
        raise InputError(
            f"The last layer {last.name} gives the shape {last.output_shape}; expected ({classes},), one output "
            f'per class. End the network with a dense layer of units = "classes".'
        )
    if getattr(last.layer, "activation", None) != "softmax":
        raise InputError(
            f"The last layer {last.name} must have the activation 'softmax', so that members give probabilities."
        )


def _shapes(layer: SimpleLayer, name: str, shape: Shape, classes: int) -> tuple[Shape, tuple[WeightShape, ...]]:
    match layer:
        case Conv2D():
            height, width, channels = _image(name, shape)
            kernel = (layer.kernel_size, layer.kernel_size, channels, layer.filters)
            window, stride = layer.kernel_size, layer.strides
            size = _windows(name, (height, width), window, stride, layer.padding)
            return (*size, layer.filters), _named(kernel=kernel, bias=(layer.filters,))
        case MaxPooling2D() | AveragePooling2D():
            height, width, channels = _image(name, shape)
            size = _windows(name, (height, width), layer.pool_size, layer.pool_size, layer.padding)
            return (*size, channels), ()
        case GlobalAveragePooling2D():
            return (_image(name, shape)[2],), ()
        case Flatten():
            return (math.prod(shape),), ()
        case Dense():
            if len(shape) != 1:
                raise InputError(f"Layer {name} needs a flat input, found the shape {shape}: add a flatten layer.")
            units = classes if layer.units == "classes" else layer.units
            return (units,), _named(kernel=(shape[0], units), bias=(units,))
        case BatchNormalization():
            vector = (shape[-1],)
            return shape, _named(gamma=vector, beta=vector, moving_mean=vector, moving_variance=vector)
        case Dropout() | ActivationLayer():
            return shape, ()


def _named(**shapes: Shape) -> tuple[WeightShape, ...]:
    return tuple(WeightShape(name=name, shape=shape) for name, shape in shapes.items())


def _image(name: str, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise InputError(
            f"Layer {name} needs an image (height, width, channels), found the shape {shape}: rows of a table are for "
            "dense layers, such as those of --preset tabular."
        )
    return shape[0], shape[1], shape[2]


def _windows(name: str, size: tuple[int, int], window: int, stride: int, padding: Padding) -> tuple[int, int]:
    if padding == "same":
        return math.ceil(size[0] / stride), math.ceil(size[1] / stride)
    if min(size) < window:
        raise InputError(
            f"Layer {name} needs at least {window}x{window} pixels, found {size[0]}x{size[1]}: "
            "the images are too small for this network; use fewer pooling layers or padding = 'same'."
        )
    return (size[0] - window) // stride + 1, (size[1] - window) // stride + 1
