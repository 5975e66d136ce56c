"""Any configuration of Keras is a network of ours or refused in a sentence, and so is any file with weights."""

import json
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from deepchord.shared.saved_models import network_to_train, read_weights
from tests.fuzzing.inputs import changed_tree, damaged, try_inputs
from tests.shared.saved_models import saved
from tests.shared.saved_models.test_description import ADD, CONVOLUTION, FLATTEN, INPUT, OUTPUT, functional
from tests.shared.saved_models.test_rescaling import SCALED

BRANCHES = [
    functional(
        ("in", INPUT, []), ("a", CONVOLUTION, ["in"]), ("b", CONVOLUTION, ["a"]), ("sum", ADD, ["a", "b"]),
        ("flat", FLATTEN, ["sum"]), ("out", OUTPUT, ["flat"]), kept=kept,
    )
    for kept in (True, False)
]  # fmt: skip
NESTED = functional(
    ("in", INPUT, []), ("inner", BRANCHES[0], ["in"]), ("out", OUTPUT, ["inner"]), kept=False
)  # fmt: skip
SEQUENTIAL = {
    "class_name": "Sequential",
    "config": {
        "layers": [
            INPUT, SCALED, CONVOLUTION,
            {"class_name": "BatchNormalization", "config": {"axis": [3], "epsilon": 0.001, "trainable": False}},
            {"class_name": "ReLU", "config": {"max_value": 6.0}},
            {"class_name": "DepthwiseConv2D", "config": {"kernel_size": [3, 3], "strides": 1, "padding": "same"}},
            {"class_name": "ZeroPadding2D", "config": {"padding": [[0, 1], [1, 0]]}},
            {"class_name": "Normalization", "config": {"mean": [0.5, 1.0], "variance": [4.0, 0.25], "axis": -1}},
            {"class_name": "Reshape", "config": {"target_shape": [-1, 4]}},
            {"class_name": "Conv1D", "config": {"filters": 2, "kernel_size": [2], "padding": "causal"}},
            {"class_name": "GlobalAveragePooling1D", "config": {"keepdims": False}},
            OUTPUT,
        ]
    },
}  # fmt: skip
CONFIGURATIONS = [saved.configuration_2(), saved.configuration_1(), *BRANCHES, NESTED, SEQUENTIAL]


SHAPES = (saved.SHAPE, saved.SHAPE, (2, 8, 6), (96,))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("saved")
    model = saved.model_file(folder / "model.h5", saved.keras_2(), saved.configuration_2(), backend="theano")
    weights = saved.weights_file(folder / "weights.h5", saved.keras_1())
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(saved.configuration_2()))
        archive.writestr("model.weights.h5", weights.read_bytes())
    return [path.read_bytes() for path in (model, weights, folder / "model.keras")]


def test_any_configuration_is_a_network_or_refused_in_a_sentence(tmp_path: Path, seeds: Sequence[int]):
    path = tmp_path / "any.json"

    def read(draw: random.Random) -> None:
        path.write_text(json.dumps(changed_tree(draw, CONFIGURATIONS)))
        shape = draw.choice(SHAPES)
        network_to_train(path, shape, saved.CLASSES).resolve(input_shape=shape, classes=saved.CLASSES)

    try_inputs(seeds, read)


def test_any_file_of_a_model_gives_weights_that_fit_or_is_refused_in_a_sentence(
    tmp_path: Path, files: list[bytes], seeds: Sequence[int]
):
    path, expected = tmp_path / "any", (saved.arrays()[:2], saved.arrays()[2:])

    def read(draw: random.Random) -> None:
        path.write_bytes(damaged(draw, files))
        network_to_train(path, saved.SHAPE, saved.CLASSES)
        found = read_weights(path, saved.RESOLVED)
        assert [[array.shape for array in arrays] for arrays in found.weights] == [
            [array.shape for array in arrays] for arrays in expected
        ]

    try_inputs(seeds, read)
