"""Layers of Keras that compute on images as they lie in memory, channels last, where Keras copies to and fro."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

from worker.engines.keras_backend import move_average


@cache
def channels_last_layers(keras: Any) -> Any:
    """Return what has the classes of `keras.layers`, some of them replaced by faster ones that compute the same.

    What they do not speed up, and shapes that are only asked for, they leave to Keras.
    """
    tensor = keras.ops.convert_to_tensor

    class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any) -> Any:
            # PyTorch pads evenly: nothing for strides, and with a copy for even kernels.
            is_even = self.padding == "valid" or (self.strides == (1, 1) and self.kernel_size[0] % 2 == 1)
            if inputs.is_meta or not is_even:
                return super().call(inputs)
            kernel = tensor(self.kernel).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            padding = "same" if self.padding == "same" else 0
            outputs = functional.conv2d(_channels_first(inputs), kernel, tensor(self.bias), self.strides, padding)
            return self.activation(_channels_last(outputs))

    class MaxPooling2D(keras.layers.MaxPooling2D):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any) -> Any:
            if inputs.is_meta or self.padding == "same":
                return super().call(inputs)
            return _channels_last(functional.max_pool2d(_channels_first(inputs), self.pool_size))

    class AveragePooling2D(keras.layers.AveragePooling2D):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any) -> Any:
            if inputs.is_meta or self.padding == "same":
                return super().call(inputs)
            return _channels_last(functional.avg_pool2d(_channels_first(inputs), self.pool_size))

    replaced = (Conv2D, MaxPooling2D, AveragePooling2D, _batch_normalization(keras))
    return SimpleNamespace(**{**vars(keras.layers), **{kind.__name__: kind for kind in replaced}})


def _batch_normalization(keras: Any) -> Any:
    tensor = keras.ops.convert_to_tensor

    class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
            if inputs.is_meta or inputs.ndim != 4:
                return super().call(inputs, training=training, mask=mask)
            images, gamma, beta = _channels_first(inputs), tensor(self.gamma), tensor(self.beta)
            if not training:
                mean, variance = tensor(self.moving_mean), tensor(self.moving_variance)
                outputs = functional.batch_norm(images, mean, variance, gamma, beta, eps=self.epsilon)
                return _channels_last(outputs)
            outputs, mean, inverse = torch.native_batch_norm(images, gamma, beta, None, None, True, 0.0, self.epsilon)
            move_average(self, self.moving_mean, mean.detach())
            # It returns one divided by the standard deviation.
            move_average(self, self.moving_variance, inverse.detach() ** -2 - self.epsilon)
            return _channels_last(outputs)

    return BatchNormalization


def _channels_first(images: Any) -> Any:
    """Return images [size, height, width, channels] as PyTorch counts the axes; nothing moves in memory."""
    return images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _channels_last(images: Any) -> Any:
    return images.permute(0, 2, 3, 1)
