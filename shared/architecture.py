"""The network as data: a validated list of layers, and the shapes that follow from it. No code travels."""

import json
import math
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.errors import InputError
from shared.validation import Message, nearest

Activation = Literal["relu", "elu", "selu", "tanh", "sigmoid", "softmax", "linear"]
Padding = Literal["same", "valid"]
Shape = tuple[int, ...]
Window = Annotated[int, Field(ge=1, le=64)]

#: More than this and a network is a mistake or an attack: 100 million float32 are 400 MB.
MAX_PARAMETERS = 100_000_000


class Conv2D(Message):
    """Two-dimensional convolution, channels last; weights `kernel` [k, k, in, filters] and `bias` [filters]."""

    type: Literal["conv2d"] = "conv2d"
    filters: Annotated[int, Field(ge=1, le=65536)]
    kernel_size: Window = 3
    strides: Window = 1
    padding: Padding = "same"
    activation: Activation = "relu"


class MaxPooling2D(Message):
    """The largest value of each window."""

    type: Literal["max_pooling2d"] = "max_pooling2d"
    pool_size: Window = 2
    padding: Padding = "valid"


class AveragePooling2D(Message):
    """The mean of each window."""

    type: Literal["average_pooling2d"] = "average_pooling2d"
    pool_size: Window = 2
    padding: Padding = "valid"


class GlobalAveragePooling2D(Message):
    """The mean of each channel."""

    type: Literal["global_average_pooling2d"] = "global_average_pooling2d"


class Flatten(Message):
    """Everything in one row, channels last."""

    type: Literal["flatten"] = "flatten"


class Dense(Message):
    """A fully connected layer; weights `kernel` [in, units] and `bias` [units]."""

    type: Literal["dense"] = "dense"
    #: How many outputs; `classes` takes the number of classes of the data set.
    units: Annotated[int, Field(ge=1, le=65536)] | Literal["classes"]
    activation: Activation = "linear"


class Dropout(Message):
    """Sets a random share of its inputs to zero while training, and scales the others up."""

    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0.0, lt=1.0)]


class BatchNormalization(Message):
    """Normalizes each channel; weights `gamma`, `beta`, `moving_mean`, `moving_variance`, each [channels]."""

    type: Literal["batch_normalization"] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    epsilon: Annotated[float, Field(gt=0.0, le=1.0)] = 0.001


class ActivationLayer(Message):
    """An activation function alone, after batch normalization for instance."""

    type: Literal["activation"] = "activation"
    activation: Activation


Layer = (
    Conv2D
    | MaxPooling2D
    | AveragePooling2D
    | GlobalAveragePooling2D
    | Flatten
    | Dense
    | Dropout
    | BatchNormalization
    | ActivationLayer
)

#: The allow-list: what a network may be made of.
LAYER_TYPES = (
    "conv2d",
    "max_pooling2d",
    "average_pooling2d",
    "global_average_pooling2d",
    "flatten",
    "dense",
    "dropout",
    "batch_normalization",
    "activation",
)


@dataclass(frozen=True, kw_only=True)
class WeightShape:
    """Name and shape of one weight array of a layer."""

    name: str
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class ResolvedLayer:
    """A layer with its name and the shapes that it has in one network."""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    weights: tuple[WeightShape, ...]


@dataclass(frozen=True, kw_only=True)
class ResolvedArchitecture:
    """An architecture with all shapes known, for one input shape and number of classes."""

    input_shape: Shape
    layers: tuple[ResolvedLayer, ...]

    @property
    def parameters(self) -> int:
        """How many numbers all weights hold."""
        return sum(math.prod(weight.shape) for layer in self.layers for weight in layer.weights)


class Architecture(Message):
    """A sequential network: layers in the order in which the data flows through them."""

    layers: tuple[Annotated[Layer, Field(discriminator="type")], ...] = Field(min_length=1, max_length=512)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_layer_types(cls, data: Any) -> Any:
        layers = data.get("layers") if isinstance(data, dict) else None
        for position, layer in enumerate(layers if isinstance(layers, list | tuple) else ()):
            kind = layer.get("type") if isinstance(layer, dict) else getattr(layer, "type", None)
            if kind not in LAYER_TYPES:
                raise PydanticCustomError(
                    "unknown_option",
                    "layer {position} has the unknown type {kind}{hint}",
                    {"position": position, "kind": repr(kind), "hint": nearest(str(kind), LAYER_TYPES)},
                )
        return data

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the architecture that a TOML or JSON file describes.

        Raises:
            InputError: No such file, not TOML or JSON, or a layer is not valid.
        """
        try:
            text = path.read_text(encoding="utf-8")
            data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise InputError(f"Architecture file {path} cannot be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"Architecture file {path} is neither valid TOML nor JSON: {error}.") from error
        return cls.parse(data, f"Architecture file {path}", InputError)

    def resolve(self, *, input_shape: Shape, classes: int) -> ResolvedArchitecture:
        """Return the architecture with the name and shapes of each layer.

        Args:
            input_shape: Height, width and channels of an image.
            classes: How many classes the data set has; the last layer must have as many outputs.

        Raises:
            InputError: Layers that do not fit each other, the input or the classes.
        """
        counts: Counter[str] = Counter()
        resolved = []
        shape = input_shape
        for layer in self.layers:
            counts[layer.type] += 1
            name = f"{layer.type}_{counts[layer.type]}"
            output_shape, weights = _shapes(layer, name, shape, classes)
            resolved.append(
                ResolvedLayer(name=name, layer=layer, input_shape=shape, output_shape=output_shape, weights=weights)
            )
            shape = output_shape
        network = ResolvedArchitecture(input_shape=input_shape, layers=tuple(resolved))
        _check_output(network, classes)
        if network.parameters > MAX_PARAMETERS:
            raise InputError(f"The network has {network.parameters:,} parameters; at most {MAX_PARAMETERS:,}.")
        return network


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


def _shapes(layer: Layer, name: str, shape: Shape, classes: int) -> tuple[Shape, tuple[WeightShape, ...]]:
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
        raise InputError(f"Layer {name} needs an image (height, width, channels), found the shape {shape}.")
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


def notebook_architecture() -> Architecture:
    """Return the network of the notebook: 331,450 parameters for 28x28x1 images and 10 classes."""
    return Architecture(
        layers=(
            Conv2D(filters=16),
            Conv2D(filters=16),
            MaxPooling2D(),
            Conv2D(filters=32),
            Conv2D(filters=32),
            MaxPooling2D(),
            Conv2D(filters=64),
            Conv2D(filters=64),
            Conv2D(filters=64, padding="valid"),
            Flatten(),
            Dropout(rate=0.25),
            Dense(units=128, activation="relu"),
            Dropout(rate=0.5),
            Dense(units=128, activation="relu"),
            Dropout(rate=0.5),
            Dense(units="classes", activation="softmax"),
        )
    )
