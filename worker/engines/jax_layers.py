"""Layers of Keras made of operations whose gradients XLA computes fast on a processor."""

from functools import cache, reduce
from types import SimpleNamespace
from typing import Any

from jax import numpy as jnp


@cache
def processor_layers(keras: Any) -> Any:
    """Return what has the classes of `keras.layers`, some of them replaced by faster ones that compute the same."""
    return SimpleNamespace(**{**vars(keras.layers), "MaxPooling2D": _max_pooling(keras)})


def _max_pooling(keras: Any) -> Any:
    class MaxPooling2D(keras.layers.MaxPooling2D):  # type: ignore[misc]  # Keras has no types
        def call(self, inputs: Any) -> Any:
            # The gradient of XLA's own pooling looks for each maximum anew, forty times as long as all of this takes.
            if self.padding != "valid":
                return super().call(inputs)
            (high, wide), (rows, columns) = self.pool_size, inputs.shape[1:3]
            whole = inputs[:, : rows // high * high, : columns // wide * wide]
            windows = whole.reshape(-1, rows // high, high, columns // wide, wide, inputs.shape[3])
            return reduce(jnp.maximum, (windows[:, :, row, :, column] for row in range(high) for column in range(wide)))

    return MaxPooling2D
