"""Layers of Keras whose gradients XLA computes fast on a processor."""

from functools import cache, reduce
from types import SimpleNamespace
from typing import Any

from jax import numpy as jnp


@cache
def processor_layers(keras: Any) -> Any:
    """Return the classes of `keras.layers`, some of them replaced by faster ones that compute the same.

    One difference: if a window has several equal maxima, they share the gradient.
    """
    return SimpleNamespace(**{**vars(keras.layers), "MaxPooling2D": _max_pooling(keras)})


def _max_pooling(keras: Any) -> Any:
    class MaxPooling2D(keras.layers.MaxPooling2D):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any) -> Any:
            if self.padding != "valid" or self.strides != self.pool_size:
                return super().call(inputs)
            # The gradient of XLA's own pooling searches each maximum again, which is thirty times slower than this.
            (high, wide), (rows, columns, channels) = self.pool_size, inputs.shape[1:]
            whole = inputs[:, : rows // high * high, : columns // wide * wide]
            stacked = whole.reshape(-1, rows // high, high, columns // wide, wide, channels)
            flat = reduce(jnp.maximum, (stacked[:, :, row] for row in range(high)))
            return reduce(jnp.maximum, (flat[:, :, :, column] for column in range(wide)))

    return MaxPooling2D
