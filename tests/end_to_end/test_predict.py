"""A run that workers trained is asked about images and exported, by the commands and in Python."""

import json
import subprocess
import sys

import numpy as np
import pytest

import deepchord
from deepchord.shared.checkpoints import decode_ensemble_probabilities


@pytest.fixture
def archive(recipe):
    return recipe.parent / "clothes.npz"


@pytest.fixture
def probabilities(local_run):
    return decode_ensemble_probabilities((local_run.results / "probabilities.npz").read_bytes(), "it")


def test_the_command_predicts_what_the_evaluation_found(local_run, archive, probabilities):
    ended = local_run.place.run("predict", local_run.run_id, archive, "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    rows = json.loads(ended.stdout)
    expected = probabilities.test if probabilities.calibrated_test is None else probabilities.calibrated_test
    with np.load(archive) as data:
        assert [row["actual_label"] for row in rows] == data["y_test"].tolist()
    assert [row["predicted_label"] for row in rows] == probabilities.test.argmax(axis=1).tolist()
    np.testing.assert_allclose([row["confidence"] for row in rows], expected.max(axis=1), atol=1e-4)


def test_the_collected_folder_is_an_ensemble(local_run, archive, probabilities):
    with np.load(archive) as data:
        found = deepchord.load(local_run.results).predict(data["x_test"], members=True)

    np.testing.assert_allclose(found.members.mean(axis=0), probabilities.test, atol=1e-5)
    np.testing.assert_allclose(found.mutual_information, probabilities.test_uncertainty.mutual_information, atol=1e-4)


_PROGRAM = """
import sys
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
with np.load(sys.argv[2]) as data:
    found = session.run(["probabilities"], {"images": data["x_test"].reshape(-1, 28, 28, 1)})[0]
assert "deepchord" not in sys.modules
np.save(sys.argv[3], found)
"""


def test_a_program_without_deepchord_computes_the_exported_file(local_run, archive, tmp_path):
    ended = local_run.place.run("export", local_run.run_id, "--out", tmp_path / "it.onnx")
    assert (ended.returncode, ended.stderr) == (0, "")

    subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, str(tmp_path / "it.onnx"), str(archive), str(tmp_path / "found.npy")],
        check=True,
    )

    with np.load(archive) as data:
        expected = deepchord.load(local_run.results).predict_proba(data["x_test"])
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-5)
