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
from deepchord.worker.training import GivenWeights, initial_weights

FLAT = (Flatten(), Dense(units="classes", activation="softmax"))


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


def test_weights_that_are_given_are_taken_and_a_head_that_is_drawn_is_that_of_a_random_start():
    given = initial_weights(network(), 5)

    start = initial_weights(network(), 1, GivenWeights(weights=given, drawn=frozenset({"dense_1"})))

    for arrays, wanted in zip(start, (*given[:2], initial_weights(network(), 1)[2]), strict=True):
        for array, expected in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(array, expected)


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.01, 1.0))
def test_noise_is_in_proportion_to_each_kernel_and_on_nothing_else(seed: int, share: float):
    given = initial_weights(network(), 5)

    first, again = (initial_weights(network(), seed, GivenWeights(weights=given, noise=share)) for _ in range(2))

    for layer, arrays, wanted in zip(weighted_layers(network()), first, given, strict=True):
        for weight, array, expected in zip(layer.weights, arrays, wanted, strict=True):
            assert array.dtype == np.float32
            if weight.name == "kernel":
                assert (array - expected).std() == pytest.approx(share * expected.std(), rel=0.2)
            else:
                np.testing.assert_array_equal(array, expected)
    for arrays, wanted in zip(again, first, strict=True):
        np.testing.assert_array_equal(arrays[0], wanted[0])


def test_the_noise_of_a_seed_is_the_same_on_every_host_and_layers_that_are_not_trained_have_none():
    frozen = Architecture(layers=(Conv2D(filters=8, trainable=False), *FLAT)).resolve(input_shape=(6, 6, 3), classes=10)
    given = initial_weights(frozen, 5)

    (kernel, _), (dense, _) = initial_weights(frozen, 1, GivenWeights(weights=given, noise=0.1))

    np.testing.assert_array_equal(kernel, given[0][0])
    assert hashlib.sha256(dense.astype("<f4").tobytes()).hexdigest()[:16] == "4160a9ea310132b5"
