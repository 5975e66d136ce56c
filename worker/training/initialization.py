"""Draws starting weights with NumPy, so that they are the same on every host and engine."""

import math

import numpy as np

from deepchord.shared.checkpoints import Weights, weighted_layers
from deepchord.shared.network import ResolvedArchitecture, WeightShape


def initial_weights(architecture: ResolvedArchitecture, seed: int) -> Weights:
    """Return the starting weights of a member, with the default initializers of Keras.

    Kernels are uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16); biases and means are
    zero, scales and variances one.

    Args:
        architecture: The network.
        seed: The member's seed for initialization, in [0, 2**32).
    """
    generator = np.random.default_rng(seed)
    return tuple(
        tuple(_drawn(weight, generator) for weight in layer.weights) for layer in weighted_layers(architecture)
    )


def _drawn(weight: WeightShape, generator: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if not weight.name.endswith("kernel"):
        start = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
        return np.full(weight.shape, start, dtype=np.float32)
    receptive_field = math.prod(weight.shape[:-2])
    limit = math.sqrt(6.0 / (receptive_field * (weight.shape[-2] + weight.shape[-1])))
    return generator.uniform(-limit, limit, size=weight.shape).astype(np.float32)
