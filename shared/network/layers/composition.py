"""All layers that a network may have, alone and in residual blocks; no other layer is allowed."""

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from deepchord.shared.network.layers.convolutions import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
)
from deepchord.shared.network.layers.dense import ActivationLayer, Dense, LeakyReLU
from deepchord.shared.network.layers.layer import NetworkLayer
from deepchord.shared.network.layers.merging import Add, Average, Concatenate, Multiply
from deepchord.shared.network.layers.noise import Dropout, GaussianNoise, SpatialDropout2D
from deepchord.shared.network.layers.normalizations import BatchNormalization, GroupNormalization, LayerNormalization
from deepchord.shared.network.layers.poolings import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from deepchord.shared.network.layers.reshaping import Flatten, Rescaling, Reshape, UpSampling2D, ZeroPadding2D
from deepchord.shared.validation import Message, suggestion

#: Layers with one input, which residual blocks may have, too.
SimpleLayer = (
    Conv2D
    | DepthwiseConv2D
    | SeparableConv2D
    | Conv2DTranspose
    | Conv1D
    | MaxPooling2D
    | AveragePooling2D
    | GlobalAveragePooling2D
    | GlobalMaxPooling2D
    | MaxPooling1D
    | AveragePooling1D
    | GlobalAveragePooling1D
    | GlobalMaxPooling1D
    | Flatten
    | Reshape
    | ZeroPadding2D
    | UpSampling2D
    | Rescaling
    | Dense
    | ActivationLayer
    | LeakyReLU
    | Dropout
    | SpatialDropout2D
    | GaussianNoise
    | BatchNormalization
    | LayerNormalization
    | GroupNormalization
)
#: Layers that join several inputs.
MergingLayer = Add | Concatenate | Multiply | Average


def _types(layers: Any) -> tuple[str, ...]:
    return tuple(layer.model_fields["type"].default for layer in get_args(layers))


#: The types of layers that a residual block may have.
SIMPLE_LAYER_TYPES = _types(SimpleLayer)
#: The types of layers that a network may have.
LAYER_TYPES = (*SIMPLE_LAYER_TYPES, *_types(MergingLayer), "residual")


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


class Residual(Layered, NetworkLayer):
    """Adds its input to the output of its layers (He et al. 2015, eq. 1); both have the same shape.

    It is short for these layers and an `add` of two inputs; its layers form a chain, so they name no inputs.
    """

    allowed = SIMPLE_LAYER_TYPES

    type: Literal["residual"] = "residual"
    layers: tuple[Annotated[SimpleLayer, Field(discriminator="type")], ...] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _refuse_inputs_inside(self) -> "Residual":
        for position, layer in enumerate(self.layers):
            if layer.inputs is not None:
                raise ValueError(
                    f"layer {position} of a residual block names its inputs; its layers are a chain: use add layers "
                    "outside of a block for anything else"
                )
        return self


Layer = SimpleLayer | MergingLayer | Residual
