"""Weights that members start from: those of a file, but for a head that the classes do not fit."""

from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.checkpoints import encode_checkpoint
from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import Architecture, BatchNormalization, Dense
from deepchord.shared.saved_models import network_to_train, read_start
from tests.shared.saved_models import saved

BEFORE_HEAD = saved.arrays()[:2]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return saved.model_file(tmp_path / "whole.h5", saved.keras_2(), saved.configuration_2())


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return saved.weights_file(tmp_path / "bare.weights.h5", saved.keras_2())


def test_a_file_that_fits_gives_all_its_weights(whole: Path, bare: Path):
    for path in (whole, bare):
        start = read_start(path, saved.NETWORK, saved.SHAPE, saved.CLASSES)

        found = [array for arrays in start.weights for array in arrays]
        assert (start.drawn, start.outputs) == ((), saved.CLASSES)
        for array, wanted in zip(found, saved.arrays(), strict=True):
            np.testing.assert_array_equal(array, wanted)


def test_a_head_with_other_outputs_is_drawn_anew_and_the_rest_is_taken(whole: Path, bare: Path):
    for path in (whole, bare):
        start = read_start(path, saved.NETWORK, saved.SHAPE, 7)

        (kernel, bias), head = start.weights
        assert (start.drawn, start.outputs) == (("dense_1",), saved.CLASSES)
        np.testing.assert_array_equal(kernel, BEFORE_HEAD[0])
        np.testing.assert_array_equal(bias, BEFORE_HEAD[1])
        assert [array.shape for array in head] == [(24, 7), (7,)]


def test_a_head_that_fits_is_drawn_anew_where_that_is_asked_for(whole: Path):
    assert read_start(whole, saved.NETWORK, saved.SHAPE, saved.CLASSES, new_head=True).drawn == ("dense_1",)


def test_the_weights_of_a_trained_member_can_be_started_from(tmp_path: Path):
    (kernel, bias, *dense) = saved.arrays()
    (tmp_path / "best_weights_0.hdf5").write_bytes(encode_checkpoint(saved.RESOLVED, ((kernel, bias), tuple(dense))))

    start = read_start(tmp_path / "best_weights_0.hdf5", saved.NETWORK, saved.SHAPE, 5)

    np.testing.assert_array_equal(start.weights[0][0], kernel)
    assert start.drawn == ("dense_1",)


@pytest.mark.parametrize("targets", [1, 2])
def test_for_numbers_all_but_the_head_is_taken(whole: Path, bare: Path, targets: int):
    network = network_to_train(whole, saved.SHAPE, 0, targets)

    for path in (whole, bare):
        start = read_start(path, network, saved.SHAPE, 0, targets)

        (kernel, bias), head = start.weights
        assert (start.drawn, start.outputs) == (("dense_1",), saved.CLASSES)
        np.testing.assert_array_equal(kernel, BEFORE_HEAD[0])
        np.testing.assert_array_equal(bias, BEFORE_HEAD[1])
        assert [array.shape for array in head] == [(24, 2 * targets), (2 * targets,)]


def test_the_head_of_a_trained_member_says_numbers_and_that_of_a_model_with_as_many_outputs_does_not(tmp_path: Path):
    """Two outputs are a mean and a variance of one number, or two classes."""
    convolution, dense = saved.arrays()[:2], (np.ones((24, 2), np.float32), np.zeros(2, np.float32))
    network = Architecture(layers=(*saved.NETWORK.layers[:3], Dense(units="outputs")))
    resolved = network.resolve(input_shape=saved.SHAPE, targets=1)
    (tmp_path / "best_weights_0.hdf5").write_bytes(encode_checkpoint(resolved, (convolution, dense)))
    layers = saved.keras_2()
    layers["dense_1"] = [(name, array[..., :2]) for name, array in layers["dense_1"]]
    configuration = saved.configuration_2()
    configuration["config"]["layers"][-1]["config"]["units"] = 2
    two = saved.model_file(tmp_path / "two.h5", layers, configuration)

    of_member = read_start(tmp_path / "best_weights_0.hdf5", network, saved.SHAPE, 0, 1)
    of_model = read_start(two, network, saved.SHAPE, 0, 1)

    assert (of_member.drawn, of_model.drawn) == ((), ("dense_1",))
    np.testing.assert_array_equal(of_member.weights[1][0], dense[0])
    np.testing.assert_array_equal(of_model.weights[0][0], convolution[0])
    assert read_start(tmp_path / "best_weights_0.hdf5", network, saved.SHAPE, 0, 1, new_head=True).drawn == ("dense_1",)


def test_another_network_than_that_of_the_file_is_refused_with_the_place(whole: Path, bare: Path):
    other = Architecture(layers=(*saved.NETWORK.layers[:2], BatchNormalization(), *saved.NETWORK.layers[2:]))
    with pytest.raises(CheckpointError, match=r"whole\.h5 holds another network .*: its step 4 is flatten, not batch_"):
        read_start(whole, other, saved.SHAPE, 7)

    wider = saved.NETWORK.layers[0].model_copy(update={"filters": 5})
    with pytest.raises(CheckpointError, match=r"layer conv2d_1 has the shapes 3x3x2x4 and 4, expected 3x3x2x5 and 5"):
        read_start(bare, Architecture(layers=(wider, *saved.NETWORK.layers[1:])), saved.SHAPE, 7)


def test_layers_that_the_file_does_not_train_are_not_trained_from_its_weights_and_are_without_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = saved.model_file(tmp_path / "f.h5", saved.keras_2(), saved.configuration_2(trainable=False))

    kept = network_to_train(path, saved.SHAPE, 7, keeps_frozen=True)
    assert [layer.trainable for layer in kept.layers] == [False, True, True, True, True]

    caplog.clear()
    trained = network_to_train(path, saved.SHAPE, 7)
    assert all(layer.trainable for layer in trained.layers)
    assert "does not train 1 of its layers: all are trained" in caplog.text


def test_a_new_head_is_trained_whatever_the_file_says(tmp_path: Path):
    configuration = saved.configuration_2(trainable=False)
    configuration["config"]["layers"][-1]["config"]["trainable"] = False
    path = saved.model_file(tmp_path / "f.h5", saved.keras_2(), configuration)

    assert network_to_train(path, saved.SHAPE, 7, keeps_frozen=True).layers[-1] == Dense(
        units="classes", activation="softmax"
    )
