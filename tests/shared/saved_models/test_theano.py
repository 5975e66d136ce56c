from pathlib import Path

import h5py
import numpy as np
import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import Architecture, AveragePooling2D, Conv2D, Dense, Flatten
from deepchord.shared.saved_models import read_network, read_weights
from deepchord.shared.saved_models.comparison import difference
from tests.contract.numpy_network import expected_probabilities
from tests.shared.saved_models import saved


def given(path: Path, *, channels_first: bool = False) -> tuple[np.ndarray, tuple[str, ...]]:
    """What our network computes with the weights of a file, and what was said of them."""
    found = read_weights(path, saved.RESOLVED, channels_first=channels_first)
    return expected_probabilities(saved.RESOLVED, found.weights, saved.images()), found.notes


def test_weights_of_tensorflow_are_taken_as_they_are(tmp_path: Path):
    path = saved.weights_file(tmp_path / "w.h5", saved.keras_2(":0"), backend="tensorflow", keras_version="2.2.4")

    found, notes = given(path)

    np.testing.assert_allclose(found, saved.probabilities(), atol=1e-5)
    assert notes == ()


def test_kernels_that_were_written_on_theano_are_mirrored_and_that_is_said(tmp_path: Path):
    path = saved.weights_file(tmp_path / "w.h5", saved.keras_2(), backend="theano", keras_version="2.2.4")

    found, notes = given(path)

    np.testing.assert_allclose(found, saved.probabilities(mirrored=True), atol=1e-5)
    assert notes == (
        "was written on Theano: its kernels were mirrored",
        "does not tell whether it counted channels first: if it did, give --channels-first",
    )


def test_rows_behind_flatten_are_put_in_order_where_channels_came_first(tmp_path: Path):
    on_theano = saved.weights_file(tmp_path / "t.h5", saved.keras_2(), backend="theano", keras_version="2.0.8")
    on_tensorflow = saved.weights_file(tmp_path / "f.h5", saved.keras_2(":0"), backend="tensorflow")

    for path, mirrored in ((on_theano, True), (on_tensorflow, False)):
        found, notes = given(path, channels_first=True)
        np.testing.assert_allclose(found, saved.probabilities(mirrored=mirrored, channels_first=True), atol=1e-5)
        assert notes[-1] == "counted channels first: the rows of its dense layer were put in order"


@pytest.mark.parametrize(
    ("end", "attributes", "mirrored"),
    [
        pytest.param("", {}, True, id="theano_without_a_note_of_it"),
        pytest.param("", {"backend": "theano", "keras_version": "1.2.2"}, True, id="theano"),
        pytest.param(":0", {}, False, id="tensorflow_without_a_note_of_it"),
        pytest.param(":0", {"backend": "tensorflow", "keras_version": "1.2.2"}, False, id="tensorflow"),
    ],
)
def test_kernels_of_keras_1_are_turned(tmp_path: Path, end: str, attributes: dict[str, str], mirrored: bool):
    path = saved.weights_file(tmp_path / "w.h5", saved.keras_1(end), **attributes)

    found, notes = given(path)

    np.testing.assert_allclose(found, saved.probabilities(mirrored=mirrored, channels_first=True), atol=1e-5)
    assert "was written by Keras 1: its kernels were turned from [out, in, height, width]" in notes


def test_a_whole_model_of_keras_1_tells_its_network_and_that_it_counts_channels_first(tmp_path: Path):
    path = saved.model_file(
        tmp_path / "m.h5", saved.keras_1(), saved.configuration_1(), backend="theano", keras_version="1.2.2"
    )

    assert difference(read_network(path, saved.SHAPE).architecture, saved.RESOLVED) is None
    np.testing.assert_allclose(given(path)[0], saved.probabilities(mirrored=True, channels_first=True), atol=1e-5)


@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
def test_a_whole_model_tells_whether_its_rows_are_to_be_put_in_order(tmp_path: Path, backend: str):
    configuration = saved.configuration_2("channels_first")
    plain = saved.model_file(tmp_path / "p.h5", saved.keras_2(), configuration, backend=backend)
    configuration["config"]["layers"][2]["config"]["data_format"] = "channels_first"
    turning = saved.model_file(tmp_path / "t.h5", saved.keras_2(), configuration, backend=backend)

    mirrored = backend == "theano"
    np.testing.assert_allclose(given(plain)[0], saved.probabilities(mirrored=mirrored, channels_first=True), atol=1e-5)
    # That Flatten turns its input to channels last first.
    np.testing.assert_allclose(given(turning)[0], saved.probabilities(mirrored=mirrored), atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "rows"),
    [
        pytest.param(Conv2D(filters=4, strides=2), 4 * 3 * 4, id="strides"),
        pytest.param(Conv2D(filters=4, kernel_size=2), 8 * 6 * 4, id="even_kernel"),
        pytest.param(AveragePooling2D(padding="same"), 4 * 3 * 2, id="pooling"),
    ],
)
def test_what_theano_pads_in_another_way_is_refused(tmp_path: Path, layer: object, rows: int):
    kernel, bias, _, dense_bias = saved.arrays()
    layers = {"dense_1": [("dense_1/kernel", np.ones((rows, 3), "f4")), ("dense_1/bias", dense_bias)]}
    if isinstance(layer, Conv2D):
        side = layer.kernel_size
        own = [("conv2d_1/kernel", kernel[:side, :side]), ("conv2d_1/bias", bias)]
        layers = {"conv2d_1": own} | layers
    network = Architecture(layers=(layer, Flatten(), Dense(units="classes", activation="softmax")))
    resolved = network.resolve(input_shape=saved.SHAPE, classes=3)

    read_weights(saved.weights_file(tmp_path / "tensorflow.h5", layers, backend="tensorflow"), resolved)
    with pytest.raises(CheckpointError, match=r"w\.h5 was written on Theano, which pads in its layer"):
        read_weights(saved.weights_file(tmp_path / "w.h5", layers, backend="theano"), resolved)


def test_files_of_keras_0_are_named_for_what_they_are(tmp_path: Path):
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = 2
        file.create_group("layer_0").attrs["nb_params"] = 0

    with pytest.raises(CheckpointError, match="was written by Keras 0"):
        read_weights(path, saved.RESOLVED)
