"""Layers and options that Keras 2.2.4 lacks, made of what PlaidML computes; they take the arguments of Keras 3."""

import math
from collections.abc import Callable
from functools import cache, reduce
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepchord.worker.engines.plaidml.activations import added_activations

#: Larger than any value of a network that learns.
_LARGE = 1e30
#: The layers that have an option `activation`.
_ACTIVATED = ("Activation", "Conv2D", "Conv2DTranspose", "Conv1D", "DepthwiseConv2D", "SeparableConv2D", "Dense")


@cache
def completed_layers(keras: Any) -> Any:
    """Return the classes of `keras.layers`, or functions that make their layers, with those that Keras 2 lacks."""
    layers = vars(keras.layers)
    added = {
        "LeakyReLU": lambda negative_slope, name: layers["LeakyReLU"](alpha=negative_slope, name=name),
        # Keras 2 draws noise without a seed of the layer's own.
        "GaussianNoise": lambda stddev, seed, name: layers["GaussianNoise"](stddev, name=name),  # noqa: ARG005  as above
        "Rescaling": _rescaling(keras),
        "Average": _average(keras),
        "GlobalAveragePooling2D": _global_pooling(keras, layers["GlobalAveragePooling2D"]),
        "GlobalMaxPooling2D": _global_pooling(keras, layers["GlobalMaxPooling2D"]),
        "BatchNormalization": _batch_normalization(keras),
        "LayerNormalization": _layer_normalization(keras),
        "GroupNormalization": _group_normalization(keras),
    }
    activated = {name: layers[name] for name in _ACTIVATED}
    for name in ("Conv2D", "Conv1D"):
        activated[name] = _with_groups(keras, layers[name])
    for name in ("MaxPooling2D", "MaxPooling1D"):
        added[name] = _max_pooling(keras, layers[name])
    activations = added_activations(keras.backend)
    for name, make in activated.items():
        added[name] = _with_activations(make, activations)
    return SimpleNamespace(**{**layers, **added})


def _with_activations(make: Callable[..., Any], activations: dict[str, Callable[[Any], Any]]) -> Callable[..., Any]:
    def made(*, activation: str, **options: Any) -> Any:
        return make(activation=activations.get(activation, activation), **options)

    return made


def _with_groups(keras: Any, kind: Any) -> Callable[..., Any]:
    class Grouped(kind):  # type: ignore[misc]  # Keras has no types
        """A convolution for each group of channels, whose outputs are joined."""

        def __init__(self, groups: int, **options: Any) -> None:
            super().__init__(**options)
            self._groups = groups

        def build(self, input_shape: Any) -> None:
            super().build((*input_shape[:-1], input_shape[-1] // self._groups))
            self.input_spec = None

        def call(self, inputs: Any) -> Any:
            backend, (inside, filters) = keras.backend, (self.kernel.shape.dims[-2], self.filters // self._groups)
            convolve = backend.conv1d if self.rank == 1 else backend.conv2d
            each = (slice(None),)
            parts = [
                convolve(
                    inputs[each * (self.rank + 1) + (slice(group * inside, (group + 1) * inside),)],
                    self.kernel[each * (self.rank + 1) + (slice(group * filters, (group + 1) * filters),)],
                    self.strides if self.rank > 1 else self.strides[0],
                    self.padding,
                    dilation_rate=self.dilation_rate if self.rank > 1 else self.dilation_rate[0],
                )
                for group in range(self._groups)
            ]
            outputs = backend.concatenate(parts, axis=-1)
            return self.activation(backend.bias_add(outputs, self.bias) if self.use_bias else outputs)

    def made(groups: int = 1, **options: Any) -> Any:
        return kind(**options) if groups == 1 else Grouped(groups, **options)

    return made


def _max_pooling(keras: Any, kind: Any) -> Callable[..., Any]:
    class Overlapping(kind):  # type: ignore[misc]  # Keras has no types
        """Takes the maxima of shifted images: PlaidML's own gradient is wrong where windows share pixels."""

        def call(self, inputs: Any) -> Any:
            lengths, made = inputs.shape.dims[1:-1], self.compute_output_shape(inputs.shape.dims)[1:-1]
            sides = list(zip(lengths, made, self.pool_size, self.strides, strict=True))
            if self.padding == "same":
                missing = [max((counted - 1) * stride + side - length, 0) for length, counted, side, stride in sides]
                inputs = _padded_with_least(keras.backend, inputs, missing)
            spans = [(side, stride, (counted - 1) * stride + 1) for _, counted, side, stride in sides]
            starts = np.ndindex(*(side for side, _, _ in spans))
            return reduce(keras.backend.maximum, (inputs[_every(start, spans)] for start in starts))

    def made(strides: Any = None, **options: Any) -> Any:
        layer = kind(strides=strides, **options)
        shares_pixels = any(stride < side for stride, side in zip(layer.strides, layer.pool_size, strict=True))
        return Overlapping(strides=strides, **options) if shares_pixels else layer

    return made


def _global_pooling(keras: Any, kind: Any) -> Callable[..., Any]:
    class Kept(kind):  # type: ignore[misc]  # Keras has no types
        """Makes an image of one pixel."""

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], 1, 1, input_shape[-1])

        def call(self, inputs: Any) -> Any:
            return keras.backend.reshape(super().call(inputs), (-1, 1, 1, inputs.shape.dims[-1]))

    return lambda name, keepdims=False: Kept(name=name) if keepdims else kind(name=name)


def _every(starts: tuple[int, ...], spans: list[tuple[int, int, int]]) -> tuple[slice, ...]:
    """Return the slices of a batch that begin at a place of a window, one for each window."""
    along = (slice(start, start + span, stride) for start, (_, stride, span) in zip(starts, spans, strict=True))
    return (slice(None), *along)


def _padded_with_least(backend: Any, images: Any, missing: list[int]) -> Any:
    """Return images or sequences with pixels at the edges that are smaller than any other."""
    edges = tuple((each // 2, each - each // 2) for each in missing)
    pad = backend.temporal_padding if len(edges) == 1 else backend.spatial_2d_padding
    padding = edges[0] if len(edges) == 1 else edges
    is_inside = pad(backend.ones_like(images), padding)
    return pad(images, padding) + (is_inside - 1.0) * _LARGE


def _average(keras: Any) -> Any:
    class Average(keras.layers.Average):  # type: ignore[misc]  # Keras has no types
        def _merge_function(self, inputs: Any) -> Any:
            # Divided by a whole number, as Keras does it, the mean would have another type than kernels.
            return sum(inputs[1:], inputs[0]) * (1.0 / len(inputs))

    return Average


def _rescaling(keras: Any) -> Any:
    class Rescaling(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def __init__(self, scale: Any, offset: Any, name: str) -> None:
            super().__init__(name=name)
            self._numbers = scale, offset

        def call(self, inputs: Any) -> Any:
            scale, offset = (
                each if isinstance(each, float) else keras.backend.constant(np.array(each)) for each in self._numbers
            )
            return inputs * scale + offset

    return Rescaling


def _standardized(keras: Any, values: Any, axes: list[int], epsilon: float) -> Any:
    """Return values with mean 0 and variance 1 over these axes."""
    backend = keras.backend
    centred = values - backend.mean(values, axis=axes, keepdims=True)
    variance = backend.mean(backend.square(centred), axis=axes, keepdims=True)
    return centred / backend.sqrt(variance + epsilon)


def _batch_normalization(keras: Any) -> Any:
    class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras has no types
        """Computes with its moving averages if it is not trained, as in Keras 3; Keras 2 takes those of the batch."""

        def call(self, inputs: Any, training: Any = None) -> Any:
            return super().call(inputs, training=training if self.trainable else False)

    return BatchNormalization


def _layer_normalization(keras: Any) -> Any:
    class LayerNormalization(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def __init__(self, epsilon: float, name: str) -> None:
            super().__init__(name=name)
            self._epsilon = epsilon

        def build(self, input_shape: Any) -> None:
            self._gamma, self._beta = _scale_and_offset(self, input_shape)
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            return _standardized(keras, inputs, [-1], self._epsilon) * self._gamma + self._beta

    return LayerNormalization


def _group_normalization(keras: Any) -> Any:
    class GroupNormalization(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def __init__(self, groups: int, epsilon: float, name: str) -> None:
            super().__init__(name=name)
            self._groups, self._epsilon = groups, epsilon

        def build(self, input_shape: Any) -> None:
            self._gamma, self._beta = _scale_and_offset(self, input_shape)
            self._lengths = tuple(input_shape[1:])
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            backend, (*pixels, channels) = keras.backend, self._lengths
            split = (-1, math.prod(pixels), self._groups, channels // self._groups)
            values = _standardized(keras, backend.reshape(inputs, split), [1, 3], self._epsilon)
            return backend.reshape(values, (-1, *self._lengths)) * self._gamma + self._beta

    return GroupNormalization


def _scale_and_offset(layer: Any, input_shape: Any) -> tuple[Any, Any]:
    """Return the weights gamma and beta, a number for each channel."""
    shape = (input_shape[-1],)
    gamma = layer.add_weight(name="gamma", shape=shape, initializer="ones")
    return gamma, layer.add_weight(name="beta", shape=shape, initializer="zeros")
