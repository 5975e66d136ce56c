"""What each layer of the allow-list computes, written down once more in plain NumPy: the reference for engines."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights
from deepchord.shared.network import (
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Residual,
    ResolvedArchitecture,
    ResolvedLayer,
)

Array = NDArray[np.float64]


def expected_probabilities(architecture: ResolvedArchitecture, weights: Weights, images: NDArray[np.float32]) -> Array:
    """Return the outputs of a network in float64; asserts on the way that each shape is the predicted one."""
    return _chained(architecture.layers, iter(weights), images.astype(np.float64))


def _chained(
    layers: tuple[ResolvedLayer, ...], weights: Iterator[tuple[NDArray[np.float32], ...]], values: Array
) -> Array:
    for layer in layers:
        if isinstance(layer.layer, Residual):
            values = values + _chained(layer.layers, weights, values)
        else:
            arrays = tuple(array.astype(np.float64) for array in next(weights)) if layer.weights else ()
            values = _outputs(layer, arrays, values)
        assert values.shape[1:] == layer.output_shape, (layer.name, values.shape, layer.output_shape)
    return values


def _outputs(resolved: ResolvedLayer, arrays: tuple[Array, ...], values: Array) -> Array:
    match resolved.layer:
        case Conv2D() as layer:
            windows = _windows(values, layer.kernel_size, layer.strides, layer.padding, fill=0.0)
            return _activated(layer.activation, np.einsum("nhwcij,ijcf->nhwf", windows, arrays[0]) + arrays[1])
        case MaxPooling2D() as layer:
            return _windows(values, layer.pool_size, layer.pool_size, layer.padding, fill=-np.inf).max(axis=(4, 5))
        case AveragePooling2D() as layer:
            # The padding does not count.
            windows = _windows(values, layer.pool_size, layer.pool_size, layer.padding, fill=np.nan)
            return np.nanmean(windows, axis=(4, 5))
        case GlobalAveragePooling2D():
            return values.mean(axis=(1, 2))
        case Flatten():
            return values.reshape(len(values), -1)
        case Dense() as layer:
            return _activated(layer.activation, values @ arrays[0] + arrays[1])
        case BatchNormalization() as layer:
            gamma, beta, mean, variance = arrays
            return gamma * (values - mean) / np.sqrt(variance + layer.epsilon) + beta
        case ActivationLayer() as layer:
            return _activated(layer.activation, values)
        case Dropout():
            return values
    raise AssertionError(f"there is no reference for the layer {resolved.name}")


def _windows(values: Array, size: int, stride: int, padding: str, *, fill: float) -> Array:
    """Return the windows [n, out_height, out_width, channels, size, size]; `same` pads as TensorFlow defines it."""
    if padding == "same":
        sides = []
        for length in values.shape[1:3]:
            missing = max((-(-length // stride) - 1) * stride + size - length, 0)
            sides.append((missing // 2, missing - missing // 2))
        values = np.pad(values, ((0, 0), *sides, (0, 0)), constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(values, (size, size), axis=(1, 2))[:, ::stride, ::stride]


def _activated(activation: str, values: Array) -> Array:
    match activation:
        case "relu":
            return np.maximum(values, 0)
        case "elu":
            return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))
        case "selu":  # Klambauer et al. 2017, eq. 2 and the constants below it
            return 1.0507009873554805 * np.where(
                values > 0, values, 1.6732632423543772 * np.expm1(np.minimum(values, 0))
            )
        case "tanh":
            return np.tanh(values)
        case "sigmoid":
            return 1 / (1 + np.exp(-values))
        case "softmax":
            powers = np.exp(values - values.max(axis=-1, keepdims=True))
            return powers / powers.sum(axis=-1, keepdims=True)
        case "linear":
            return values
    raise AssertionError(f"there is no reference for the activation {activation}")
