import io

import hypothesis
import numpy as np
import onnx
import pytest
from hypothesis import strategies as st
from onnx import TensorProto, helper

from deepchord.ensemble.graph import open_session
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.layers import add_network
from deepchord.shared.checkpoints import Weights
from deepchord.shared.network import PRESET_ARCHITECTURES, ResolvedArchitecture
from tests.contract.numpy_network import expected_probabilities
from tests.contract.random_networks import random_architectures, random_weights


def model_of(network: ResolvedArchitecture, weights: Weights, *, half: bool = False) -> bytes:
    part = GraphPart("it/", half=half)
    output = add_network(part, network, weights, "images")
    graph = onnx.GraphProto.FromString(part.encode())
    graph.name = "it"
    graph.input.append(helper.make_tensor_value_info("images", TensorProto.FLOAT, [None, *network.input_shape]))
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, None]))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return io.BytesIO(model.SerializeToString()).getvalue()


def computed(model: bytes, images: np.ndarray) -> np.ndarray:
    return open_session(model, "it").run(None, {"images": images})[0]


@hypothesis.settings(max_examples=150, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(network=random_architectures(), seed=st.integers(0, 1000))
def test_random_networks_of_all_layers_compute_what_numpy_computes(network: ResolvedArchitecture, seed: int):
    weights = random_weights(network, seed)
    images = np.random.default_rng(seed).random((3, *network.input_shape), dtype=np.float32)

    found = computed(model_of(network, weights), images)

    np.testing.assert_allclose(found, expected_probabilities(network, weights, images), atol=1e-5)


@pytest.mark.parametrize("preset", PRESET_ARCHITECTURES)
def test_the_networks_of_the_presets_compute_what_numpy_computes(preset: str):
    shape = (30,) if preset == "tabular" else (28, 28, 1)
    network = PRESET_ARCHITECTURES[preset]().resolve(input_shape=shape, classes=10)
    weights = tuple(tuple(array * np.float32(0.2) for array in arrays) for arrays in random_weights(network))
    images = np.random.default_rng(0).random((2, *shape), dtype=np.float32)

    found = computed(model_of(network, weights), images)

    np.testing.assert_allclose(found, expected_probabilities(network, weights, images), atol=1e-5)


def test_half_stores_large_kernels_in_two_bytes_and_computes_in_four():
    network = PRESET_ARCHITECTURES["notebook"]().resolve(input_shape=(28, 28, 1), classes=10)
    weights = tuple(tuple(array * np.float32(0.1) for array in arrays) for arrays in random_weights(network))
    images = np.random.default_rng(0).random((2, 28, 28, 1), dtype=np.float32)
    whole, half = model_of(network, weights), model_of(network, weights, half=True)

    rounded = tuple(
        tuple(array.astype(np.float16).astype(np.float32) if array.size >= 512 else array for array in arrays)
        for arrays in weights
    )

    assert len(half) < 0.51 * len(whole)
    np.testing.assert_allclose(computed(half, images), expected_probabilities(network, rounded, images), atol=1e-5)


def test_weights_beyond_float16_become_its_largest_value_not_infinity():
    part = GraphPart("it/", half=True)

    part.constant("large", np.full(1000, 1e6, dtype=np.float32))

    stored = onnx.numpy_helper.to_array(onnx.GraphProto.FromString(part.encode()).initializer[0])
    assert (stored == np.finfo(np.float16).max).all()
