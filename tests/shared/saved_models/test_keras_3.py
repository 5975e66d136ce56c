"""What Keras 3 itself saved gives what Keras 3 computed."""

from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.images import scaled
from deepchord.shared.network import Dropout, ResolvedArchitecture
from deepchord.shared.saved_models import SavedNetwork, read_network, read_start, read_weights
from deepchord.shared.saved_models.network_files import load_network, network_to_train
from deepchord.shared.saved_models.rescaling import NOTE
from tests.contract.numpy_network import expected_probabilities
from tests.keras_models import NOTEBOOK

SHAPE = (8, 8, 2)

pytestmark = pytest.mark.slow


def resolved(told: SavedNetwork) -> ResolvedArchitecture:
    return told.architecture.resolve(input_shape=SHAPE, classes=3)


@pytest.mark.parametrize("end", ["keras", "h5", "weights.h5"])
@pytest.mark.parametrize("name", ["varied", "residual", "branching", "nested", "standardized", "sequences"])
def test_what_keras_3_saved_gives_the_same_probabilities(keras_3: Path, name: str, end: str):
    path = keras_3 / f"{name}.{end}"
    if (name, end) == ("varied", "weights.h5"):  # three of four arrays of its normalization, and no word which
        with pytest.raises(CheckpointError, match=r"layer batch_normalization has the shapes 4 and 4 and 4, expected"):
            read_weights(path, resolved(load_network(keras_3 / "varied.json", SHAPE)))
        return
    if (name, end) in (("nested", "weights.h5"), ("standardized", "weights.h5")):
        with pytest.raises(CheckpointError, match=r"does not fit the network: it lacks weights of a layer"):
            read_weights(path, resolved(load_network(keras_3 / f"{name}.json", SHAPE)))
        return
    told = read_network(path, SHAPE) or load_network(keras_3 / f"{name}.json", SHAPE)
    network = resolved(told)

    found = read_weights(path, network)

    images = np.random.default_rng(0).random((5, *SHAPE), dtype=np.float32)
    expected = np.load(keras_3 / f"{name}.npy")
    np.testing.assert_allclose(expected_probabilities(network, found.weights, images), expected, atol=1e-5)
    assert found.notes == ()
    assert (read_network(path, SHAPE) is None) == (end == "weights.h5")


@pytest.mark.parametrize("end", ["keras", "h5", "weights.h5"])
@pytest.mark.parametrize("name", ["rescaled", "rescaled_by_channel"])
def test_a_network_that_divides_by_255_itself_gives_what_keras_does_of_raw_bytes(keras_3: Path, name: str, end: str):
    path = keras_3 / f"{name}.{end}"
    told = read_network(path, SHAPE) or load_network(keras_3 / f"{name}.json", SHAPE)

    found = read_weights(path, resolved(told))

    images, expected = (np.load(keras_3 / file) for file in (f"{name}.images.npy", f"{name}.npy"))
    assert (images.dtype, expected.max() < 0.9) == (np.uint8, True)
    np.testing.assert_allclose(
        expected_probabilities(resolved(told), found.weights, scaled(images)), expected, atol=1e-5
    )
    assert (told.notes, told.rescales) == ((NOTE,), True)


def test_the_native_weights_of_keras_3_fit_the_notebooks_network_and_no_other(keras_3: Path):
    path = keras_3 / "notebook.weights.h5"

    found = read_weights(path, NOTEBOOK).weights

    with np.load(keras_3 / "keras.npz") as saved:
        expected = [saved[f"arr_{number}"] for number in range(len(saved.files) - 1)]
    for array, wanted in zip([array for arrays in found for array in arrays], expected, strict=True):
        np.testing.assert_array_equal(array, wanted)
    other = resolved(load_network(keras_3 / "varied.json", SHAPE))
    with pytest.raises(CheckpointError, match=r"notebook\.weights\.h5 does not fit the network: it .* of a layer"):
        read_weights(path, other)


def test_a_network_that_keras_3_saved_is_trained_with_as_many_outputs_as_there_are_classes(
    keras_3: Path, caplog: pytest.LogCaptureFixture
):
    network = network_to_train(keras_3 / "branching.keras", SHAPE, 5)

    assert network.resolve(input_shape=SHAPE, classes=5).layers[-1].output_shape == (5,)
    assert "branching.keras has 3 outputs: its last layer was given 5, one for each class." in caplog.text
    assert network_to_train(keras_3 / "varied.json", SHAPE, 3).layers[5] == Dropout(rate=0.5)


@pytest.mark.parametrize("end", ["keras", "h5"])
def test_models_within_a_model_keep_what_is_not_trained_and_what_computes_as_in_predictions(keras_3: Path, end: str):
    network = network_to_train(keras_3 / f"nested.{end}", SHAPE, 7, keeps_frozen=True)

    frozen = [layer.type for layer in network.layers if not layer.trainable]
    assert frozen == ["conv2d", "batch_normalization", "batch_normalization", "batch_normalization"]
    # That of the inner model, which is called with training=False, is off; that of the outer one stays.
    assert [layer for layer in network.layers if layer.type == "dropout"] == [Dropout(rate=0.2)]
    assert network.resolve(input_shape=SHAPE, classes=7).layers[-1].output_shape == (7,)


def test_the_weights_of_models_within_a_model_are_started_from(keras_3: Path):
    network = network_to_train(keras_3 / "nested.keras", SHAPE, 7, keeps_frozen=True)

    start = read_start(keras_3 / "nested.keras", network, SHAPE, 7)

    assert start.drawn == ("conv2d_6",)
    expected = read_weights(keras_3 / "nested.keras", resolved(load_network(keras_3 / "nested.keras", SHAPE))).weights
    for found, wanted in zip(start.weights[:-1], expected[:-1], strict=True):
        for array, one in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(array, one)
