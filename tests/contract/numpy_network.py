"""What each layer of the allow-list computes, written down once more in plain NumPy: the reference for engines."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

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

Array = NDArray[np.float64]


def expected_probabilities(architecture: ResolvedArchitecture, weights: Weights, images: NDArray[np.float32]) -> Array:
    """Return the outputs of a network in float64; asserts on the way that each shape is the predicted one."""
    left = iter(weights)
    outputs = {NETWORK_INPUT: images.astype(np.float64)}
    for layer in architecture.layers:
        arrays = tuple(array.astype(np.float64) for array in next(left)) if layer.weights else ()
        values = _outputs(layer, arrays, [outputs[name] for name in layer.inputs])
        assert values.shape[1:] == layer.output_shape, (layer.name, values.shape, layer.output_shape)
        outputs[layer.name] = values
    return outputs[architecture.layers[-1].name]


def _outputs(resolved: ResolvedLayer, arrays: tuple[Array, ...], inputs: list[Array]) -> Array:
    values = inputs[0]
    match resolved.layer:
        case Add():
            return sum(inputs[1:], values)
        case Multiply():
            return math.prod(inputs[1:], start=values)
        case Average():
            return sum(inputs[1:], values) / len(inputs)
        case Concatenate():
            return np.concatenate(inputs, axis=-1)
    return _laid_out(resolved, arrays, values)


def _laid_out(resolved: ResolvedLayer, arrays: tuple[Array, ...], values: Array) -> Array:
    match resolved.layer:
        case Flatten():
            return values.reshape(len(values), -1)
        case Reshape() as layer:
            return values.reshape(len(values), *layer.target_shape)
        case ZeroPadding2D() as layer:
            return np.pad(values, ((0, 0), *layer.edges, (0, 0)))
        case UpSampling2D() as layer:
            down, right = pair(layer.size)
            return values.repeat(down, axis=1).repeat(right, axis=2)
        case Rescaling() as layer:
            return values * np.array(layer.scale) + np.array(layer.offset)
    return _activated_or_pooled(resolved, arrays, values)


def _activated_or_pooled(resolved: ResolvedLayer, arrays: tuple[Array, ...], values: Array) -> Array:
    match resolved.layer:
        case ActivationLayer() as layer:
            return _activated(layer.activation, values)
        case LeakyReLU() as layer:
            return np.where(values > 0, values, values * layer.negative_slope)
        case layer if isinstance(layer, NoiseLayer):
            return values
        case GlobalAveragePooling2D() | GlobalAveragePooling1D():
            return values.mean(axis=tuple(range(1, values.ndim - 1))).reshape(len(values), *resolved.output_shape)
        case GlobalMaxPooling2D() | GlobalMaxPooling1D():
            return values.max(axis=tuple(range(1, values.ndim - 1))).reshape(len(values), *resolved.output_shape)
        case MaxPooling2D() | MaxPooling1D() as layer:
            return _pooled(layer, values, fill=-np.inf).max(axis=_window_axes(values))
        case AveragePooling2D() | AveragePooling1D() as layer:
            # The padding does not count.
            return np.nanmean(_pooled(layer, values, fill=np.nan), axis=_window_axes(values))
    return _normalized_or_weighted(resolved, arrays, values)


def _normalized_or_weighted(resolved: ResolvedLayer, arrays: tuple[Array, ...], values: Array) -> Array:
    match resolved.layer:
        case BatchNormalization() as layer:
            gamma, beta, mean, variance = arrays
            return gamma * (values - mean) / np.sqrt(variance + layer.epsilon) + beta
        case LayerNormalization() as layer:
            return arrays[0] * _standardized(values, (-1,), layer.epsilon) + arrays[1]
        case GroupNormalization() as layer:
            grouped = values.reshape(*values.shape[:-1], layer.groups, -1)
            axes = (*range(1, values.ndim - 1), values.ndim)
            return arrays[0] * _standardized(grouped, axes, layer.epsilon).reshape(values.shape) + arrays[1]
        case Dense() as layer:
            return _activated(layer.activation, values @ arrays[0] + _bias(layer.use_bias, arrays))
        case Conv2DTranspose() as layer:
            made = _transposed(values, arrays[0], pair(layer.strides), resolved.output_shape)
            return _activated(layer.activation, made + _bias(layer.use_bias, arrays))
        case Conv2D() | Conv1D() as layer:
            made = _convolved(values, arrays[0], layer, layer.groups)
            return _activated(layer.activation, made + _bias(layer.use_bias, arrays))
        case DepthwiseConv2D() | SeparableConv2D() as layer:
            kernel = arrays[0].reshape(*arrays[0].shape[:2], 1, -1)
            made = _convolved(values, kernel, layer, groups=values.shape[-1])
            if isinstance(layer, SeparableConv2D):
                made = made @ arrays[1][0, 0]
            return _activated(layer.activation, made + _bias(layer.use_bias, arrays))
    raise AssertionError(f"there is no reference for the layer {resolved.name}")


def _bias(is_there: bool, arrays: tuple[Array, ...]) -> Array | float:
    return arrays[-1] if is_there else 0.0


def _standardized(values: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    mean, variance = values.mean(axis=axes, keepdims=True), values.var(axis=axes, keepdims=True)
    return (values - mean) / np.sqrt(variance + epsilon)


def _convolved(
    values: Array, kernel: Array, layer: Conv2D | Conv1D | DepthwiseConv2D | SeparableConv2D, groups: int
) -> Array:
    """Return convolutions of [n, lengths …, in] by kernels [lengths …, in / groups, out]."""
    axes = values.ndim - 2
    sides = kernel.shape[:axes]
    windows = _windows(
        values, sides, _each(layer.strides, axes), _each(layer.dilation_rate, axes), layer.padding, fill=0.0
    )
    parts = []
    for own, kernels in zip(np.split(windows, groups, axis=axes + 1), np.split(kernel, groups, axis=-1), strict=True):
        # [n, counts …, in, window …] with [window …, in, out].
        parts.append(np.tensordot(np.moveaxis(own, axes + 1, -1), kernels, axes=axes + 1))
    return np.concatenate(parts, axis=-1)


def _transposed(values: Array, kernel: Array, strides: tuple[int, int], shape: tuple[int, ...]) -> Array:
    """Return what a convolution [filters <- in] backwards makes: each pixel adds its kernel to a window."""
    size, rows, columns, _ = values.shape
    height, width, filters = shape
    high, wide = kernel.shape[:2]
    beyond = [
        max((length - 1) * stride + window - made, 0)
        for length, made, window, stride in zip((rows, columns), shape, (high, wide), strides, strict=False)
    ]
    made = np.zeros((size, height + high + beyond[0], width + wide + beyond[1], filters))
    for row in range(rows):
        for column in range(columns):
            top, left = row * strides[0], column * strides[1]
            made[:, top : top + high, left : left + wide] += np.einsum("ni,hwfi->nhwf", values[:, row, column], kernel)
    top, left = beyond[0] // 2, beyond[1] // 2
    return made[:, top : top + height, left : left + width]


def _pooled(
    layer: MaxPooling2D | MaxPooling1D | AveragePooling2D | AveragePooling1D, values: Array, *, fill: float
) -> Array:
    axes = values.ndim - 2
    strides = layer.pool_size if layer.strides is None else layer.strides
    sides = tuple(_each(layer.pool_size, axes))
    return _windows(values, sides, _each(strides, axes), [1] * axes, layer.padding, fill=fill)


def _window_axes(values: Array) -> tuple[int, ...]:
    """Return the axes of the windows that `_windows` makes of values."""
    axes = values.ndim - 2
    return tuple(range(axes + 2, 2 * axes + 2))


def _windows(
    values: Array, sides: tuple[int, ...], strides: list[int], dilation: list[int], padding: str, *, fill: float
) -> Array:
    """Return the windows [n, counts …, channels, sides …]; `same` pads as TensorFlow defines it."""
    axes = range(len(sides))
    reach = [(sides[axis] - 1) * dilation[axis] + 1 for axis in axes]
    if padding == "causal":
        values = np.pad(values, ((0, 0), *((reach[axis] - 1, 0) for axis in axes), (0, 0)), constant_values=fill)
    elif padding == "same":
        edges = []
        for axis in axes:
            length = values.shape[axis + 1]
            missing = max((-(-length // strides[axis]) - 1) * strides[axis] + reach[axis] - length, 0)
            edges.append((missing // 2, missing - missing // 2))
        values = np.pad(values, ((0, 0), *edges, (0, 0)), constant_values=fill)
    whole = np.lib.stride_tricks.sliding_window_view(values, reach, axis=tuple(axis + 1 for axis in axes))
    steps = (slice(None), *(slice(None, None, stride) for stride in strides), slice(None))
    return whole[(*steps, *(slice(None, None, apart) for apart in dilation))]


def _each(value: int | tuple[int, int], axes: int) -> list[int]:
    return [value] * axes if isinstance(value, int) else list(value)


def _activated(activation: str, values: Array) -> Array:
    return _ACTIVATIONS[activation](values)


def _sigmoid(values: Array) -> Array:
    return 0.5 * (1 + np.tanh(values / 2))


def _elu(values: Array) -> Array:
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))


def _softmax(values: Array) -> Array:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "relu6": lambda values: np.clip(values, 0, 6),
    "leaky_relu": lambda values: np.where(values > 0, values, 0.2 * values),
    "elu": _elu,
    # Klambauer et al. 2017, eq. 2 and the constants below it
    "selu": lambda values: 1.0507009873554805 * np.where(values > 0, values, 1.6732632423543772 * _elu(values)),
    # Hendrycks and Gimpel 2016, by the normal distribution itself
    "gelu": lambda values: values * 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(values / math.sqrt(2))),
    "silu": lambda values: values * _sigmoid(values),
    # Misra 2019
    "mish": lambda values: values * np.tanh(np.logaddexp(0, values)),
    "softplus": lambda values: np.logaddexp(0, values),
    # Howard et al. 2019
    "hard_sigmoid": lambda values: np.clip(values / 6 + 0.5, 0, 1),
    "hard_silu": lambda values: values * np.clip(values / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
}
