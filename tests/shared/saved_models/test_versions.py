"""What the same name stood for in older versions of Keras."""

import json
import zipfile
from pathlib import Path

import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.saved_models import read_network
from deepchord.shared.saved_models.reading import network_of_configuration
from tests.shared.saved_models import saved

REFUSED = r"layer 'conv2d_1' \(Conv2D\) has the activation 'hard_sigmoid' of Keras 2\.15\.0, which deepchord does not"


@pytest.mark.parametrize("end", ["h5", "json", "keras"])
def test_the_hard_sigmoid_of_keras_2_is_another_function_and_refused(tmp_path: Path, end: str):
    with pytest.raises(CheckpointError, match=REFUSED):
        told_by(tmp_path, end, "2.15.0")


@pytest.mark.parametrize("end", ["h5", "keras"])
def test_that_of_keras_3_is_ours(tmp_path: Path, end: str):
    assert told_by(tmp_path, end, "3.12.0").architecture.layers[0].activation == "hard_sigmoid"


def told_by(folder: Path, end: str, version: str):
    configuration = saved.configuration_2(activation="hard_sigmoid")
    path = folder / f"m.{end}"
    if end == "json":
        return network_of_configuration({**configuration, "keras_version": version}, saved.SHAPE, "m.json")
    saved.model_file(folder / "m.h5", saved.keras_2(":0"), configuration, keras_version=version)
    if end == "keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(configuration))
            archive.writestr("metadata.json", json.dumps({"keras_version": version}))
            archive.write(folder / "m.h5", "model.weights.h5")
    return read_network(path, saved.SHAPE)
