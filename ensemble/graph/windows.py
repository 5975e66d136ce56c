"""Convolutions and poolings as nodes: ONNX takes kernels [out, in, …] and the padding of each edge."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.graph.activations import add_activation
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.values import Value, channels_first
from deepchord.shared.network import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    MaxPooling1D,
    MaxPooling2D,
    ResolvedLayer,
    SeparableConv2D,
)

Arrays = tuple[NDArray[np.float32], ...]
Convolution = Conv2D | DepthwiseConv2D | SeparableConv2D | Conv1D
Pooling = MaxPooling2D | AveragePooling2D | MaxPooling1D | AveragePooling1D


def add_convolution(
    part: GraphPart, layer: Convolution, resolved: ResolvedLayer, arrays: Arrays, value: Value
) -> Value:
    """Add a convolution of images or sequences; return its output."""
    turned = channels_first(part, value)
    named = dict(zip((weight.name for weight in resolved.weights), arrays, strict=True))
    # A kernel for each channel alone: as many groups as channels.
    groups = layer.groups if isinstance(layer, Conv2D | Conv1D) else resolved.input_shape[-1]
    kernel = named["kernel"] if isinstance(layer, Conv2D | Conv1D) else _grouped(named["depthwise_kernel"])
    axes = kernel.ndim - 2
    strides, dilation = _each(layer.strides, axes), _each(layer.dilation_rate, axes)
    bias = [part.constant(f"{resolved.name}/bias", named["bias"])] if layer.use_bias else []
    is_separable = isinstance(layer, SeparableConv2D)
    made = part.add(
        "Conv",
        turned.name,
        part.constant(f"{resolved.name}/kernel", _outputs_first(kernel)),
        *([] if is_separable else bias),
        kernel_shape=list(kernel.shape[:axes]),
        strides=strides,
        dilations=dilation,
        group=groups,
        pads=_pads(resolved, kernel.shape[:axes], strides, dilation, layer.padding),
    )
    if is_separable:
        pointwise = part.constant(f"{resolved.name}/pointwise_kernel", _outputs_first(named["pointwise_kernel"]))
        made = part.add("Conv", made, pointwise, *bias, kernel_shape=[1, 1])
    return add_activation(part, layer.activation, turned.becomes(made))


def add_transposed_convolution(
    part: GraphPart, layer: Conv2DTranspose, resolved: ResolvedLayer, arrays: Arrays, value: Value
) -> Value:
    """Add the gradient of a convolution; return its output."""
    turned = channels_first(part, value)
    kernel, strides = arrays[0], _each(layer.strides, 2)
    sides = zip(resolved.input_shape, resolved.output_shape, kernel.shape, strides, strict=False)
    # What the windows would cover beyond the output is cut off; where they cover less, zeros are added at the end.
    beyond = [(length - 1) * stride + window - made for length, made, window, stride in sides]
    cut = [max(each, 0) for each in beyond]
    made = part.add(
        "ConvTranspose",
        turned.name,
        part.constant(f"{resolved.name}/kernel", _outputs_first(kernel)),
        *([part.constant(f"{resolved.name}/bias", arrays[1])] if layer.use_bias else []),
        kernel_shape=list(kernel.shape[:2]),
        strides=strides,
        pads=_halved(cut),
        output_padding=[max(-each, 0) for each in beyond],
    )
    return add_activation(part, layer.activation, turned.becomes(made))


def add_pooling(part: GraphPart, layer: Pooling, resolved: ResolvedLayer, value: Value) -> Value:
    """Add a pooling of images or sequences; return its output."""
    turned = channels_first(part, value)
    window = _each(layer.pool_size, turned.axes - 1)
    strides = window if layer.strides is None else _each(layer.strides, turned.axes - 1)
    operation = "MaxPool" if isinstance(layer, MaxPooling2D | MaxPooling1D) else "AveragePool"
    pads = _pads(resolved, window, strides, [1] * len(window), layer.padding)
    # Both leave padded pixels out, as TensorFlow does.
    return turned.becomes(part.add(operation, turned.name, kernel_shape=window, strides=strides, pads=pads))


def _pads(
    resolved: ResolvedLayer, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: str
) -> list[int]:
    """Return the padding before the axes of pixels or steps, and after them; `same` as TensorFlow defines it."""
    if padding == "valid":
        return [0] * 2 * len(window)
    lengths = resolved.input_shape[: len(window)]
    sides = zip(lengths, window, strides, dilation, strict=True)
    if padding == "causal":
        return [*((size - 1) * apart for _, size, _, apart in sides), *(0 for _ in window)]
    missing = [
        max((math.ceil(length / stride) - 1) * stride + (size - 1) * apart + 1 - length, 0)
        for length, size, stride, apart in sides
    ]
    return _halved(missing)


def _halved(missing: list[int]) -> list[int]:
    return [*(each // 2 for each in missing), *(each - each // 2 for each in missing)]


def _grouped(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel [h, w, in, multiplier] for each channel alone as one [h, w, 1, in multiplier] in groups."""
    rows, columns, channels, multiplier = kernel.shape
    return kernel.reshape(rows, columns, 1, channels * multiplier)


def _outputs_first(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel [lengths …, in, out] as [out, in, lengths …]."""
    return kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))


def _each(value: int | tuple[int, int], axes: int) -> list[int]:
    """Return a length for each axis of pixels or steps."""
    return [value] * axes if isinstance(value, int) else list(value)
