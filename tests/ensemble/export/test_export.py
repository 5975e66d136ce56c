import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import deepchord
from deepchord.ensemble.answers import Question
from deepchord.ensemble.export import ExportOptions, export_onnx
from deepchord.shared.errors import InputError
from deepchord.shared.host import installed_engines
from tests.ensemble.conftest import RUN


def test_one_file_tells_everything_without_deepchord(ensemble, members, test_images, tmp_path):
    images, _ = test_images
    path = export_onnx(members, tmp_path / "it.onnx", ExportOptions(risk=0.05, license="MIT"))
    expected = ensemble.predict(images, risk=0.05, members=True)

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {"images": images}), strict=True))

    np.testing.assert_allclose(found["probabilities"], expected.probabilities, atol=1e-5)
    np.testing.assert_array_equal(found["label"], expected.labels)
    np.testing.assert_array_equal(found["abstains"], expected.abstains)
    np.testing.assert_allclose(found["member_probabilities"], expected.members.transpose(1, 0, 2), atol=1e-6)
    for name in ("confidence", "predictive_entropy", "mutual_information", "disagreement"):
        np.testing.assert_allclose(found[name], getattr(expected, name), atol=1e-5)


def test_its_metadata_say_what_it_is(members, tmp_path):
    path = export_onnx(members, tmp_path / "it.onnx", ExportOptions(license="CC-BY-4.0"))

    found = {each.key: each.value for each in onnx.load(path).metadata_props}

    assert json.loads(found["class_names"]) == ["dark", "left", "right"]
    assert found["run_id"] == RUN
    assert found["license"] == "CC-BY-4.0"
    assert float(found["temperature"]) == members.description.calibration.temperature
    assert json.loads(found["weights_sha256"]) == [each.weights_sha256 for each in members.description.members]
    assert {each["level"] for each in json.loads(found["conformal_thresholds"])} == {0.9, 0.95, 0.99}
    assert found["weights_type"] == "float32"
    assert found["dataset_sha256"] == members.description.dataset.sha256


@pytest.mark.parametrize("reduced", [{"half": True}, {"int8": True}])
def test_a_reduced_file_predicts_nearly_the_same(ensemble, test_images, tmp_path, reduced):
    images, _ = test_images

    found = deepchord.load(ensemble.to_onnx(tmp_path / "it.onnx", **reduced)).predict(images)

    np.testing.assert_allclose(found.probabilities, ensemble.predict_proba(images), atol=0.05)


def test_floats_are_refused_by_a_file_for_whole_numbers(ensemble, test_images, tmp_path):
    images, _ = test_images
    whole = deepchord.load(ensemble.to_onnx(tmp_path / "whole.onnx"))
    floats = deepchord.load(ensemble.to_onnx(tmp_path / "floats.onnx", input_type="float32"))

    with pytest.raises(InputError, match=r"exported for whole numbers .* export it with --input float32"):
        whole.predict(images / np.float32(255))
    for given in (images, images / np.float32(255)):
        np.testing.assert_allclose(floats.predict_proba(given), ensemble.predict_proba(images), atol=1e-5)


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(ensemble, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(InputError, match=r"it\.onnx cannot be written: .*Give another place"):
        ensemble.to_onnx(tmp_path / "file" / "it.onnx")
    with pytest.raises(InputError, match="has no thresholds for abstaining"):
        ensemble.to_onnx(tmp_path / "it.onnx", risk=0.3)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


_KERAS = """
import sys
import numpy as np
import keras
model = keras.models.load_model(sys.argv[1])
images, expected = np.load(sys.argv[2]), np.load(sys.argv[3])
found = model.predict(images, verbose=0)
assert found.shape == expected.shape
print(keras.backend.backend(), np.abs(found - expected).max())
"""


@pytest.mark.slow
def test_a_keras_file_predicts_the_same_on_every_backend(ensemble, members, test_images, tmp_path, ci):
    images, _ = test_images
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "expected.npy", ensemble.predict_proba(images))
    engines = [name for name in ("tensorflow", "jax", "torch") if name in installed_engines()]
    assert not ci or len(engines) == 3
    path = tmp_path / "it.keras"
    source = ensemble.save(tmp_path / "saved")
    program = (
        "from pathlib import Path\nfrom deepchord.ensemble.sources import find_source\n"
        f"from deepchord.ensemble.export import save_keras\n"
        f"save_keras(find_source({str(source)!r}), Path({str(path)!r}))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    for engine in engines:
        ended = subprocess.run(
            [sys.executable, "-c", _KERAS, str(path), str(tmp_path / "images.npy"), str(tmp_path / "expected.npy")],
            capture_output=True,
            text=True,
            check=False,
            env={"KERAS_BACKEND": engine, "PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert ended.returncode == 0, ended.stderr
        backend, difference = ended.stdout.split()
        assert backend == engine
        assert float(difference) < 1e-5


def test_a_saved_folder_has_the_weights_and_the_description(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "deep" / "saved")

    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"best_weights_{index}.hdf5" for index in range(3)),
        "ensemble.json",
    ]
    assert isinstance(folder, Path)


_KERAS_NUMBERS = """
import sys
import numpy as np
import keras
from pathlib import Path
from deepchord.ensemble.export import save_keras
from deepchord.ensemble.sources import find_source
folder = Path(sys.argv[1])
save_keras(find_source(folder / "saved"), folder / "it.keras")
found = keras.models.load_model(folder / "it.keras").predict(np.load(folder / "rows.npy"), verbose=0)
for name in ("mean", "standard_deviation"):
    expected, unit = np.load(folder / f"{name}.npy"), np.load(folder / "standard_deviation.npy")
    assert found[name].shape == expected.shape
    print(name, (np.abs(found[name] - expected) / unit).max())
"""


@pytest.mark.slow
def test_a_keras_file_of_numbers_gives_means_and_deviations(valuer, tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, *valuer.input_shape)).astype(np.float32)
    expected = valuer.answers.answer(rows, Question())
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "mean.npy", expected.mean)
    np.save(tmp_path / "standard_deviation.npy", expected.standard_deviation)
    valuer.save(tmp_path / "saved")

    ended = subprocess.run(
        [sys.executable, "-c", _KERAS_NUMBERS, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    differences = dict(line.split() for line in ended.stdout.splitlines())
    assert set(differences) == {"mean", "standard_deviation"}
    assert max(map(float, differences.values())) < 1e-3


def test_the_metadata_of_numbers_tell_targets_scaling_and_intervals(valuer, tmp_path):
    path = valuer.to_onnx(tmp_path / "it.onnx")

    found = {each.key: each.value for each in onnx.load(path).metadata_props}

    regression = valuer.description.regression
    assert json.loads(found["target_names"]) == ["price", "built"]
    assert json.loads(found["targets"])[0]["scale"] == valuer.description.dataset.targets[0].scale
    assert json.loads(found["variance_factors"]) == list(regression.scaling.factors)
    assert [each["half_widths"] for each in json.loads(found["intervals"])] == [
        list(each.half_widths) for each in regression.intervals
    ]
    assert "class_names" not in found
