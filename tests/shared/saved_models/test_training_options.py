"""What a saved model says of its training: what is kept, and what is told to be left out."""

import json
from pathlib import Path

import pytest

from deepchord.shared.network import Architecture
from deepchord.shared.saved_models.network_files import network_to_train
from tests.shared.saved_models import saved


def trained(folder: Path, configuration: dict, classes: int = 3) -> Architecture:
    path = folder / "m.json"
    path.write_text(json.dumps(configuration))
    return network_to_train(path, saved.SHAPE, classes)


@pytest.mark.parametrize(
    ("regularizer", "factors"),
    [
        ({"class_name": "L2", "config": {"l2": 0.01}, "module": "keras.regularizers"}, (0.0, 0.01)),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.0}}, (0.5, 0.0)),
        ({"class_name": "L2", "config": {"l2": 10**401}}, (0.0, 0.0)),
        ({"class_name": "OrthogonalRegularizer", "config": {"factor": 0.01}}, (0.0, 0.0)),
    ],
)
def test_a_penalty_is_trained_with_or_told_to_be_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, regularizer: dict, factors: tuple
):
    layer = trained(tmp_path, saved.configuration_2(kernel_regularizer=regularizer)).layers[0]

    assert (layer.kernel_l1, layer.kernel_l2) == factors
    assert ("has the option kernel_regularizer in a layer Conv2D, which was left out" in caplog.text) != any(factors)


def test_other_options_of_training_are_told_to_be_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    configuration = saved.configuration_2(kernel_constraint={"class_name": "MaxNorm", "config": {}})
    configuration["config"]["layers"][3]["config"]["noise_shape"] = [None, 1]
    configuration["config"]["layers"].insert(1, {"class_name": "GaussianDropout", "config": {"name": "x", "rate": 0.1}})

    trained(tmp_path, configuration)

    assert "has the option kernel_constraint in a layer Conv2D, which was left out" in caplog.text
    assert "has the option noise_shape in a layer Dropout, which was left out" in caplog.text
    assert "has a layer GaussianDropout, which was left out: deepchord does not train with it." in caplog.text


def test_a_head_whose_softmax_is_a_layer_of_its_own_gets_an_output_for_each_class(tmp_path: Path):
    configuration = saved.configuration_2()
    configuration["config"]["layers"][4]["config"]["activation"] = "linear"
    configuration["config"]["layers"].append({"class_name": "Activation", "config": {"activation": "softmax"}})

    network = trained(tmp_path, configuration, classes=5)

    layers = network.resolve(input_shape=saved.SHAPE, classes=5).layers
    assert [layer.output_shape for layer in layers[-2:]] == [(5,), (5,)]
