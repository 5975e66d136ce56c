"""Layers of Keras with fewer and faster operations of PyTorch, and those that Keras computes wrongly there."""

from collections.abc import Callable, Iterable
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

from deepchord.worker.engines.keras3.backend import move_average


class _Direct:
    """A layer that is computed without Keras's own work around each call.

    That work takes a tenth of a step of a small network. Keras still handles symbolic calls, from which it infers
    shapes, and layers for which `fits` returns False.
    """

    compute_dtype: str

    def __call__(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        if options or not isinstance(inputs, torch.Tensor) or inputs.is_meta or not self.fits():
            return super().__call__(inputs, training=training, **options)  # type: ignore[misc]  # Keras's layer
        inputs = inputs.to(getattr(torch, self.compute_dtype))
        return self.compute_in_training(inputs) if training else self.compute(inputs)

    def fits(self) -> bool:
        """Return whether `compute` can handle this layer."""
        return True

    def compute(self, inputs: Any) -> Any:
        """Return the outputs for inputs of the layer's compute type."""
        raise NotImplementedError

    def compute_in_training(self, inputs: Any) -> Any:
        """Return the outputs during training."""
        return self.compute(inputs)


@cache
def direct_layers(keras: Any) -> Any:
    """Return the classes of `keras.layers`, some of them replaced by faster ones that compute the same."""
    return _with_layers(keras, (_convolution, _max_pooling, _dense, _dropout, _batch_normalization, *_CORRECTED))


@cache
def corrected_layers(keras: Any) -> Any:
    """Return the classes of `keras.layers`, those replaced that compute something else on PyTorch, on any device.

    Keras averages copies of the last pixels, too, where a pooling with `padding="same"` cannot be padded evenly.
    """
    return _with_layers(keras, _CORRECTED)


def _with_layers(keras: Any, makers: Iterable[Callable[[Any], Any]]) -> Any:
    replaced = {kind.__name__: kind for kind in (make(keras) for make in makers)}
    return SimpleNamespace(**{**vars(keras.layers), **replaced})


def _convolution(keras: Any) -> Any:
    class Conv2D(_Direct, keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
        def fits(self) -> bool:
            # PyTorch pads both sides equally: that is wrong for strides, and needs a copy for even kernels.
            is_odd = all(side % 2 == 1 for side in self.kernel_size)
            return bool(self.padding == "valid" or (self.strides == (1, 1) and is_odd))

        def compute(self, inputs: Any) -> Any:
            kernel, bias = _weights(self, inputs)
            kernel = kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            padding = "same" if self.padding == "same" else 0
            images, dilation = _channels_first(inputs), self.dilation_rate
            outputs = functional.conv2d(images, kernel, bias, self.strides, padding, dilation, self.groups)
            return self.activation(_channels_last(outputs))

    return Conv2D


def _max_pooling(keras: Any) -> Any:
    class MaxPooling2D(_Direct, keras.layers.MaxPooling2D):  # type: ignore[misc]  # Keras has no types
        def fits(self) -> bool:
            return bool(self.padding == "valid")

        def compute(self, inputs: Any) -> Any:
            return _channels_last(functional.max_pool2d(_channels_first(inputs), self.pool_size, self.strides))

    return MaxPooling2D


def _average_pooling(keras: Any) -> Any:
    class AveragePooling2D(_Direct, keras.layers.AveragePooling2D):  # type: ignore[misc]  # Keras has no types
        def compute(self, inputs: Any) -> Any:
            images = _channels_first(inputs)
            if self.padding == "valid":
                return _channels_last(functional.avg_pool2d(images, self.pool_size, self.strides))
            return _channels_last(_padded_averages(images, self.pool_size, self.strides))

    return AveragePooling2D


def _average_pooling_1d(keras: Any) -> Any:
    class AveragePooling1D(_Direct, keras.layers.AveragePooling1D):  # type: ignore[misc]  # Keras has no types
        def fits(self) -> bool:
            return bool(self.padding == "same")

        def compute(self, inputs: Any) -> Any:
            # As an image with one row.
            rows = inputs.permute(0, 2, 1).unsqueeze(2)
            averages = _padded_averages(rows, (1, *self.pool_size), (1, *self.strides))
            return averages.squeeze(2).permute(0, 2, 1)

    return AveragePooling1D


_CORRECTED = (_average_pooling, _average_pooling_1d)


def _padded_averages(images: Any, pool_size: tuple[int, int], strides: tuple[int, int]) -> Any:
    """Return the averages of windows [size, channels, height, width] that may reach beyond the edges.

    Only pixels of the image count, as in TensorFlow. Keras counts copies of the last ones if PyTorch cannot pad evenly.
    """
    padding: list[int] = []
    for length, window, stride in zip(images.shape[:1:-1], pool_size[::-1], strides[::-1], strict=True):
        missing = max((-(-length // stride) - 1) * stride + window - length, 0)
        padding += [missing // 2, missing - missing // 2]
    ones = torch.ones((1, 1, *images.shape[2:]), dtype=images.dtype, device=images.device)
    shares = functional.avg_pool2d(functional.pad(ones, padding), pool_size, strides)
    return functional.avg_pool2d(functional.pad(images, padding), pool_size, strides) / shares


def _dense(keras: Any) -> Any:
    class Dense(_Direct, keras.layers.Dense):  # type: ignore[misc]  # Keras has no types
        def compute(self, inputs: Any) -> Any:
            kernel, bias = _weights(self, inputs)
            return self.activation(functional.linear(inputs, kernel.T, bias))

    return Dense


def _dropout(keras: Any) -> Any:
    class Dropout(_Direct, keras.layers.Dropout):  # type: ignore[misc]  # Keras has no types
        def compute(self, inputs: Any) -> Any:
            return inputs

        def compute_in_training(self, inputs: Any) -> Any:
            if self.rate == 0:
                return inputs
            first, second = self.seed_generator.next()
            generator = torch.Generator(inputs.device).manual_seed(int(first + second))
            # `bernoulli_` is half as fast as comparing random numbers, and `where` half as fast as a product.
            kept = torch.rand(inputs.shape, generator=generator, device=inputs.device) >= self.rate
            # The scale is a factor of its own: as part of the mask, bfloat16 would round it.
            return inputs * kept.to(inputs.dtype) * (1 / (1 - self.rate))

    return Dropout


def _batch_normalization(keras: Any) -> Any:
    class BatchNormalization(_Direct, keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras has no types
        def fits(self) -> bool:
            return bool(self.input_spec.ndim == 4)

        def compute(self, inputs: Any) -> Any:
            mean, variance = self.moving_mean.value, self.moving_variance.value
            images, gamma, beta = _channels_first(inputs), self.gamma.value, self.beta.value
            return _channels_last(functional.batch_norm(images, mean, variance, gamma, beta, eps=self.epsilon))

        def compute_in_training(self, inputs: Any) -> Any:
            if not self.trainable:
                return self.compute(inputs)
            images, gamma, beta = _channels_first(inputs), self.gamma.value, self.beta.value
            outputs, mean, inverse = torch.native_batch_norm(images, gamma, beta, None, None, True, 0.0, self.epsilon)
            move_average(self, self.moving_mean, mean.detach())
            # PyTorch returns 1 / sqrt(variance + epsilon).
            move_average(self, self.moving_variance, inverse.detach() ** -2 - self.epsilon)
            return _channels_last(outputs)

    return BatchNormalization


def _weights(layer: Any, inputs: Any) -> tuple[Any, Any]:
    """Return kernel and bias in the type of the inputs; None for the bias of a layer without one."""
    bias = layer.bias.value.to(inputs.dtype) if layer.use_bias else None
    return layer.kernel.value.to(inputs.dtype), bias


def _channels_first(images: Any) -> Any:
    """Return images [size, height, width, channels] as [size, channels, height, width], without a copy in memory."""
    return images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _channels_last(images: Any) -> Any:
    return images.permute(0, 2, 3, 1)
