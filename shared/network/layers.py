"""The layers that a network may have, as data; no other layer is allowed."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from deepchord.shared.validation import Message, suggestion

Activation = Literal["relu", "elu", "selu", "tanh", "sigmoid", "softmax", "linear"]
Padding = Literal["same", "valid"]
Window = Annotated[int, Field(ge=1, le=64)]


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
    """All values of an image in one vector, channels last."""

    type: Literal["flatten"] = "flatten"


class Dense(Message):
    """A fully connected layer; weights `kernel` [in, units] and `bias` [units]."""

    type: Literal["dense"] = "dense"
    #: The number of outputs; `classes` stands for the number of classes of the data set.
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
    """An activation function as a layer, for example after batch normalization."""

    type: Literal["activation"] = "activation"
    activation: Activation


SimpleLayer = (
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


#: The types of layers that a residual block may have.
SIMPLE_LAYER_TYPES = (
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
#: The types of layers that a network may have.
LAYER_TYPES = (*SIMPLE_LAYER_TYPES, "residual")


class Layered(Message):
    """A message with a list of layers; the error for a type that is not allowed names the type."""

    allowed: ClassVar[tuple[str, ...]]

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_layer_types(cls, data: Any) -> Any:
        layers = data.get("layers") if isinstance(data, dict) else None
        for position, layer in enumerate(layers if isinstance(layers, list | tuple) else ()):
            kind = layer.get("type") if isinstance(layer, dict) else getattr(layer, "type", None)
            if kind not in cls.allowed:
                raise PydanticCustomError(
                    "unknown_option",
                    "layer {position} has the unknown type {kind}{hint}",
                    {"position": position, "kind": repr(kind), "hint": suggestion(str(kind), cls.allowed)},
                )
        return data


class Residual(Layered):
    """Adds its input to the output of its layers (He et al. 2015, eq. 1); both have the same shape."""

    allowed = SIMPLE_LAYER_TYPES

    type: Literal["residual"] = "residual"
    layers: tuple[Annotated[SimpleLayer, Field(discriminator="type")], ...] = Field(min_length=1, max_length=64)


Layer = SimpleLayer | Residual
