"""The layers of a network as nodes; values are turned to channels first where ONNX wants them so."""

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.graph.activations import add_activation
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.normalizations import add_group_normalization
from deepchord.ensemble.graph.values import Value, channels_first, channels_last
from deepchord.ensemble.graph.windows import add_convolution, add_pooling, add_transposed_convolution
from deepchord.shared.checkpoints import Weights
from deepchord.shared.network import (
    NETWORK_INPUT,
    ActivationLayer,
    Add,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    MaxPooling1D,
    MaxPooling2D,
    Multiply,
    NoiseLayer,
    Rescaling,
    Reshape,
    ResolvedArchitecture,
    ResolvedLayer,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
    pair,
)

Arrays = tuple[NDArray[np.float32], ...]


def add_network(part: GraphPart, network: ResolvedArchitecture, weights: Weights, images: str) -> str:
    """Add a network to a part; return the name of its output, float32 [images, outputs].

    Args:
        part: Where the nodes go.
        network: The network.
        weights: Its weights, one tuple for each layer that has some.
        images: The name of its input, float32 [images, height, width, channels].
    """
    left = iter(weights)
    values = {NETWORK_INPUT: Value(name=images, axes=len(network.input_shape))}
    for layer in network.layers:
        inputs = [values[name] for name in layer.inputs]
        arrays = next(left) if layer.weights else ()
        made = _joined(part, layer, inputs) if layer.layer.joins else _layer(part, layer, arrays, inputs[0])
        values[layer.name] = made
    return channels_last(part, values[network.layers[-1].name]).name


def _joined(part: GraphPart, resolved: ResolvedLayer, inputs: list[Value]) -> Value:
    """Add a layer that joins values; return its output."""
    # As the first one lies: of images mostly channels first, as convolutions give them.
    turn = channels_first if inputs[0].channels_first else channels_last
    turned = [turn(part, value) for value in inputs]
    names = [value.name for value in turned]
    match resolved.layer:
        case Concatenate():
            made = part.add("Concat", *names, axis=1 if inputs[0].channels_first else -1)
        case Average():
            made = part.add("Mean", *names)
        case Add() | Multiply():
            operation = "Add" if isinstance(resolved.layer, Add) else "Mul"
            made = reduce(lambda before, other: part.add(operation, before, other), names)
        case _:
            raise AssertionError(f"there is no node for the layer {resolved.name}")
    return Value(name=made, axes=turned[0].axes, channels_first=turned[0].channels_first)


def _layer(part: GraphPart, resolved: ResolvedLayer, arrays: Arrays, value: Value) -> Value:
    """Add one layer with one input; return its output."""
    match resolved.layer:
        case Conv2D() | DepthwiseConv2D() | SeparableConv2D() | Conv1D() as layer:
            return add_convolution(part, layer, resolved, arrays, value)
        case Conv2DTranspose() as layer:
            return add_transposed_convolution(part, layer, resolved, arrays, value)
        case MaxPooling2D() | AveragePooling2D() | MaxPooling1D() | AveragePooling1D() as layer:
            return add_pooling(part, layer, resolved, value)
        case GlobalAveragePooling2D() | GlobalAveragePooling1D():
            return _pooled(part, "GlobalAveragePool", resolved, value)
        case GlobalMaxPooling2D() | GlobalMaxPooling1D():
            return _pooled(part, "GlobalMaxPool", resolved, value)
        case Flatten():
            return Value(name=part.add("Flatten", channels_last(part, value).name, axis=1), axes=1)
        case Dense() as layer:
            # Not a Gemm, which is the same: quantization knows products alone.
            kernel, *bias = _constants(part, resolved, arrays)
            made = part.add("MatMul", value.name, kernel)
            if bias:
                made = part.add("Add", made, *bias)
            return add_activation(part, layer.activation, Value(name=made, axes=1))
        case _:
            return _shaped(part, resolved, arrays, value)


def _shaped(part: GraphPart, resolved: ResolvedLayer, arrays: Arrays, value: Value) -> Value:
    """Add one layer that computes each value from few others; return its output."""
    match resolved.layer:
        case BatchNormalization() as layer:
            # Its channels are the second axis: of images after they are turned, of vectors as they are.
            turned = channels_first(part, value)
            constants = _constants(part, resolved, arrays)
            made = part.add("BatchNormalization", turned.name, *constants, epsilon=layer.epsilon)
            return turned.becomes(made)
        case LayerNormalization() as layer:
            turned = channels_last(part, value)
            constants = _constants(part, resolved, arrays)
            return turned.becomes(
                part.add("LayerNormalization", turned.name, *constants, axis=-1, epsilon=layer.epsilon)
            )
        case GroupNormalization() as layer:
            return add_group_normalization(part, layer, resolved, arrays, value)
        case ActivationLayer() as layer:
            return add_activation(part, layer.activation, value)
        case LeakyReLU() as layer:
            return value.becomes(part.add("LeakyRelu", value.name, alpha=layer.negative_slope))
        case layer if isinstance(layer, NoiseLayer):
            return value
        case _:
            return _laid_out(part, resolved, value)


def _laid_out(part: GraphPart, resolved: ResolvedLayer, value: Value) -> Value:
    """Add one layer that learns nothing and only moves or scales values; return its output."""
    match resolved.layer:
        case Reshape() as layer:
            turned = channels_last(part, value)
            shape = part.integers(f"{resolved.name}/shape", -1, *layer.target_shape)
            return Value(name=part.add("Reshape", turned.name, shape), axes=len(layer.target_shape))
        case ZeroPadding2D() as layer:
            (top, bottom), (left, right) = layer.edges
            turned = channels_first(part, value)
            pads = part.integers(f"{resolved.name}/pads", 0, 0, top, left, 0, 0, bottom, right)
            return turned.becomes(part.add("Pad", turned.name, pads))
        case UpSampling2D() as layer:
            turned = channels_first(part, value)
            scales = part.constant(f"{resolved.name}/scales", np.array([1, 1, *pair(layer.size)], dtype=np.float32))
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            return turned.becomes(part.add("Resize", turned.name, "", scales, **how))
        case Rescaling() as layer:
            turned = channels_last(part, value)
            scale, offset = (np.array(numbers, dtype=np.float32) for numbers in (layer.scale, layer.offset))
            scaled = part.add("Mul", turned.name, part.constant(f"{resolved.name}/scale", scale))
            return turned.becomes(part.add("Add", scaled, part.constant(f"{resolved.name}/offset", offset)))
    raise AssertionError(f"there is no node for the layer {resolved.name}")


def _constants(part: GraphPart, resolved: ResolvedLayer, arrays: Arrays) -> list[str]:
    return [
        part.constant(f"{resolved.name}/{weight.name}", array)
        for weight, array in zip(resolved.weights, arrays, strict=True)
    ]


def _pooled(part: GraphPart, operation: str, resolved: ResolvedLayer, value: Value) -> Value:
    """Add a pooling of all pixels; return its output, a vector or an image of one pixel."""
    turned = channels_first(part, value)
    made = part.add(operation, turned.name)
    if len(resolved.output_shape) > 1:
        return turned.becomes(made)
    return Value(name=part.add("Flatten", made, axis=1), axes=1)
