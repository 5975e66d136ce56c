"""The layers of a network as nodes; images are turned to channels first where ONNX wants them so."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.graph.builder import GraphPart
from deepchord.shared.checkpoints import Weights
from deepchord.shared.network import (
    Activation,
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Padding,
    Residual,
    ResolvedArchitecture,
    ResolvedLayer,
)

#: The operator of each activation of single values; linear has none.
_ACTIVATIONS = {
    "relu": "Relu",
    "elu": "Elu",
    "selu": "Selu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
}
_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A value in the graph."""

    name: str
    #: Whether its axes are [images, channels, height, width].
    channels_first: bool = False


def add_network(part: GraphPart, network: ResolvedArchitecture, weights: Weights, images: str) -> str:
    """Add a network to a part; return the name of its probabilities, float32 [images, classes].

    Args:
        part: Where the nodes go.
        network: The network.
        weights: Its weights, one tuple for each layer that has some.
        images: The name of its input, float32 [images, height, width, channels].
    """
    left = iter(weights)
    return _chained(part, network.layers, left, _Value(name=images)).name


def _chained(
    part: GraphPart,
    layers: tuple[ResolvedLayer, ...],
    weights: Iterator[tuple[NDArray[np.float32], ...]],
    value: _Value,
) -> _Value:
    for layer in layers:
        if isinstance(layer.layer, Residual):
            value = _channels_first(part, value) if len(layer.input_shape) == 3 else value
            made = _chained(part, layer.layers, weights, value)
            made = _channels_first(part, made) if len(layer.input_shape) == 3 else made
            value = _Value(name=part.add("Add", value.name, made.name), channels_first=value.channels_first)
        else:
            arrays = next(weights) if layer.weights else ()
            value = _layer(part, layer, arrays, value)
    return value


def _layer(part: GraphPart, resolved: ResolvedLayer, arrays: tuple[NDArray[np.float32], ...], value: _Value) -> _Value:
    """Add one layer; return its output."""
    constants = [
        part.constant(f"{resolved.name}/{w.name}", _stored(a)) for w, a in zip(resolved.weights, arrays, strict=True)
    ]
    match resolved.layer:
        case Conv2D() as layer:
            image = _channels_first(part, value).name
            pads = _pads(resolved, layer.kernel_size, layer.strides, layer.padding)
            window, strides = [layer.kernel_size] * 2, [layer.strides] * 2
            made = part.add("Conv", image, *constants, kernel_shape=window, strides=strides, pads=pads)
            return _activated(part, layer.activation, _Value(name=made, channels_first=True))
        case MaxPooling2D() | AveragePooling2D() as layer:
            image = _channels_first(part, value).name
            operation = "MaxPool" if isinstance(layer, MaxPooling2D) else "AveragePool"
            pads = _pads(resolved, layer.pool_size, layer.pool_size, layer.padding)
            window = [layer.pool_size] * 2
            # Both leave padded pixels out, as TensorFlow does.
            made = part.add(operation, image, kernel_shape=window, strides=window, pads=pads)
            return _Value(name=made, channels_first=True)
        case GlobalAveragePooling2D():
            pooled = part.add("GlobalAveragePool", _channels_first(part, value).name)
            return _Value(name=part.add("Flatten", pooled, axis=1))
        case Flatten():
            return _Value(name=part.add("Flatten", _channels_last(part, value).name, axis=1))
        case Dense() as layer:
            # Not a Gemm, which is the same: quantization knows products alone.
            made = part.add("Add", part.add("MatMul", value.name, constants[0]), constants[1])
            return _activated(part, layer.activation, _Value(name=made))
        case BatchNormalization() as layer:
            # Its channels are the second axis: of images after they are turned, of vectors as they are.
            turned = _channels_first(part, value) if len(resolved.input_shape) == 3 else value
            made = part.add("BatchNormalization", turned.name, *constants, epsilon=layer.epsilon)
            return _Value(name=made, channels_first=turned.channels_first)
        case ActivationLayer() as layer:
            return _activated(part, layer.activation, value)
        case Dropout():
            return value
    raise AssertionError(f"there is no node for the layer {resolved.name}")


def _stored(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a weight as ONNX stores it: kernels of convolutions as [filters, in, k, k]."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array


def _activated(part: GraphPart, activation: Activation, value: _Value) -> _Value:
    if activation == "linear":
        return value
    if activation == "softmax":  # over the channels
        made = part.add("Softmax", value.name, axis=1 if value.channels_first else -1)
    else:
        made = part.add(_ACTIVATIONS[activation], value.name)
    return _Value(name=made, channels_first=value.channels_first)


def _pads(resolved: ResolvedLayer, window: int, stride: int, padding: Padding) -> list[int]:
    """Return the padding before the two axes of pixels, and after them; `same` as TensorFlow defines it."""
    if padding == "valid":
        return [0, 0, 0, 0]
    missing = [
        max((math.ceil(length / stride) - 1) * stride + window - length, 0) for length in resolved.input_shape[:2]
    ]
    return [*(each // 2 for each in missing), *(each - each // 2 for each in missing)]


def _channels_first(part: GraphPart, value: _Value) -> _Value:
    if value.channels_first:
        return value
    return _Value(name=part.add("Transpose", value.name, perm=_TO_CHANNELS_FIRST), channels_first=True)


def _channels_last(part: GraphPart, value: _Value) -> _Value:
    if not value.channels_first:
        return value
    return _Value(name=part.add("Transpose", value.name, perm=_TO_CHANNELS_LAST))
