"""Draws starting weights with NumPy, so that they are the same on every host and engine."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights, weighted_layers
from deepchord.shared.network import ResolvedArchitecture, ResolvedLayer, WeightShape

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenWeights:
    """Weights that all members of a run start from."""

    weights: Weights
    #: The names of the layers that each member draws all the same.
    drawn: frozenset[str] = frozenset()
    #: The standard deviation of the noise on a kernel that is trained, as a share of the kernel's own.
    noise: float = 0.0


def initial_weights(architecture: ResolvedArchitecture, seed: int, given: GivenWeights | None = None) -> Weights:
    """Return the starting weights of a member: those that are given, and others with the default initializers of Keras.

    Kernels are uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16); biases and means are
    zero, scales and variances one.

    Args:
        architecture: The network.
        seed: The member's seed for initialization, in [0, 2**32).
        given: What the members start from; None: random weights.
    """
    generator = np.random.default_rng(seed)
    layers = weighted_layers(architecture)
    drawn = tuple(tuple(_drawn(weight, generator) for weight in layer.weights) for layer in layers)
    if given is None:
        return drawn
    # A stream of its own, so that a head is the same with noise and without.
    noise = np.random.default_rng((seed, 1))
    return tuple(
        own if layer.name in given.drawn else _with_noise(layer, arrays, given.noise, noise)
        for layer, own, arrays in zip(layers, drawn, given.weights, strict=True)
    )


def _with_noise(
    layer: ResolvedLayer, arrays: tuple[Array, ...], share: float, generator: np.random.Generator
) -> tuple[Array, ...]:
    """Return the arrays of a layer, with noise on its kernels if it is trained."""
    if not share or not layer.layer.trainable:
        return arrays
    return tuple(
        _blurred(array, share, generator) if weight.name.endswith("kernel") else array
        for weight, array in zip(layer.weights, arrays, strict=True)
    )


def _blurred(kernel: Array, share: float, generator: np.random.Generator) -> Array:
    # As float32, which hides that the last digit of a sum may depend on the processor.
    deviation = np.float32(share * kernel.std(dtype=np.float64))
    return (kernel + deviation * generator.standard_normal(kernel.shape)).astype(np.float32)


def _drawn(weight: WeightShape, generator: np.random.Generator) -> Array:
    if not weight.name.endswith("kernel"):
        start = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
        return np.full(weight.shape, start, dtype=np.float32)
    receptive_field = math.prod(weight.shape[:-2])
    limit = math.sqrt(6.0 / (receptive_field * (weight.shape[-2] + weight.shape[-1])))
    return generator.uniform(-limit, limit, size=weight.shape).astype(np.float32)
