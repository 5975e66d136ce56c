import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.checkpoints import weighted_layers
from deepchord.shared.network import (
    Architecture,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    ResolvedArchitecture,
    notebook_architecture,
)
from deepchord.worker.training import initial_weights


def network() -> ResolvedArchitecture:
    layers = (
        Conv2D(filters=8, kernel_size=5),
        BatchNormalization(),
        Flatten(),
        Dense(units="classes", activation="softmax"),
    )
    return Architecture(layers=layers).resolve(input_shape=(6, 6, 3), classes=10)


@given(seed=st.integers(0, 2**32 - 1))
def test_weights_have_the_shapes_of_the_network_and_are_float32(seed: int):
    weights = initial_weights(network(), seed)

    shapes = [[weight.shape for weight in layer.weights] for layer in weighted_layers(network())]
    assert [[array.shape for array in arrays] for arrays in weights] == shapes
    assert {array.dtype for arrays in weights for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("layer", "fan_in", "fan_out"), [(0, 5 * 5 * 3, 5 * 5 * 8), (2, 6 * 6 * 8, 10)])
def test_kernels_are_uniform_within_the_limits_of_glorot_and_bengio(layer: int, fan_in: int, fan_out: int):
    kernel = np.concatenate([initial_weights(network(), seed)[layer][0].ravel() for seed in range(30)])

    limit = math.sqrt(6 / (fan_in + fan_out))
    assert np.abs(kernel).max() <= limit
    assert np.abs(kernel).max() > 0.99 * limit
    assert abs(kernel.mean()) < 0.03 * limit
    assert kernel.std() == pytest.approx(limit / math.sqrt(3), rel=0.02)


def test_biases_and_means_are_zero_and_scales_and_variances_one():
    (_, bias), (gamma, beta, mean, variance), _ = initial_weights(network(), 1)

    assert not bias.any()
    assert not beta.any()
    assert not mean.any()
    assert (gamma == 1).all()
    assert (variance == 1).all()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, again, other = (initial_weights(network(), seed) for seed in (7, 7, 8))

    np.testing.assert_array_equal(again[0][0], first[0][0])
    assert not np.array_equal(other[0][0], first[0][0])


def test_the_weights_of_a_seed_are_the_same_on_every_host_and_in_every_version():
    notebook = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)

    weights = initial_weights(notebook, 1)

    stored = b"".join(array.astype("<f4").tobytes() for arrays in weights for array in arrays)
    assert hashlib.sha256(stored).hexdigest() == "bd0628ec771ccbed0e2169b7dc07ce6db425f6d6468b81f1b01a2ec7cab3dfeb"
