import subprocess
import sys
import threading
from dataclasses import fields

import numpy as np
import pytest

import deepchord
from deepchord.ensemble import Ensemble
from deepchord.ensemble.answers import Question
from deepchord.shared.errors import InputError
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.ensemble.conftest import CLASSES, RUN
from tests.environments import ROOT


def test_predictions_are_those_of_the_evaluation(ensemble, evaluated, test_images):
    images, labels = test_images

    found = ensemble.predict(images)

    np.testing.assert_allclose(found.probabilities, evaluated.calibrated_test, atol=1e-5)
    np.testing.assert_array_equal(found.labels, evaluated.test.argmax(axis=1))
    for name in ("predictive_entropy", "mutual_information", "disagreement"):
        np.testing.assert_allclose(getattr(found, name), getattr(evaluated.test_uncertainty, name), atol=1e-5)
    assert ensemble.description.calibration.confidence_map
    assert (found.labels == labels).mean() == pytest.approx(ensemble.description.test.accuracy)


def test_what_an_ensemble_abstains_from_is_what_the_evaluation_counted(ensemble, storage, test_images):
    images, labels = test_images
    store = RunStore.open(load_settings(storage=str(storage)))
    _, evaluation = store.last_evaluation(store.run(RUN))

    for abstention in evaluation.uncertainty.selective.abstentions:
        found = ensemble.predict(images, risk=abstention.risk)
        answered = ~found.abstains
        assert answered.mean() == pytest.approx(abstention.coverage, abs=0.003)
        if abstention.test_risk is not None:
            assert (found.labels != labels)[answered].mean() == pytest.approx(abstention.test_risk, abs=0.01)


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_cover_what_the_evaluation_measured(ensemble, test_images, method, per_class):
    images, labels = test_images
    guarantee = "class" if per_class else "marginal"

    for level in (0.9, 0.95, 0.99):
        found = ensemble.predict(images, sets=level, set_method=method, per_class=per_class)
        expected = next(
            each
            for each in ensemble.description.conformal
            if (each.method, each.guarantee, each.level) == (method, guarantee, level)
        )
        assert found.sets[np.arange(len(labels)), labels].mean() == pytest.approx(expected.coverage, abs=0.006)
        assert found.sets.sum(axis=1).mean() == pytest.approx(expected.mean_size, abs=0.01)
        assert [len(names) for names in found.set_names()] == found.sets.sum(axis=1).tolist()


def test_each_member_is_told_on_demand(ensemble, test_images):
    found = ensemble.predict(test_images[0], members=True)

    assert found.members.shape == (3, 400, 3)
    np.testing.assert_allclose(found.members.mean(axis=0).argmax(axis=1), found.labels)
    assert ensemble.predict(test_images[0]).members is None


def test_arrays_of_a_prediction_cannot_be_written(ensemble, test_images):
    found = ensemble.predict(test_images[0][:3], risk=0.05, sets=0.9, members=True)

    for field in fields(found):
        value = getattr(found, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


def test_a_single_image_is_a_prediction_of_one(ensemble, test_images):
    images, _ = test_images
    expected = ensemble.predict(images[:1]).probabilities

    for one in (images[0], images[0, :, :, 0]):
        np.testing.assert_array_equal(ensemble.predict(one).probabilities, expected)
    assert len(ensemble.predict(images[0])) == 1
    assert ensemble.predict(images[0]).names()[0] in CLASSES


def test_many_images_are_predicted_as_few_are(ensemble, test_images):
    images, _ = test_images
    many = np.concatenate([images] * 5)

    found = ensemble.predict(many, members=True)

    np.testing.assert_allclose(found.probabilities, np.concatenate([ensemble.predict_proba(images)] * 5), atol=1e-6)
    assert found.members.shape == (3, 2000, 3)


def test_several_threads_may_ask_at_once(ensemble, test_images):
    images, _ = test_images
    expected, found = ensemble.predict_proba(images), []

    threads = [threading.Thread(target=lambda: found.append(ensemble.predict_proba(images))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    for each in found:
        np.testing.assert_allclose(each, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["run", "file"])
def test_several_threads_compute_an_image_as_one_does(ensemble, test_images, tmp_path, kind):
    asked = ensemble if kind == "run" else Ensemble.load(ensemble.to_onnx(tmp_path / "it.onnx"))

    found = asked.answers_on(2).answer(test_images[0][:1], Question())

    assert found.probabilities == pytest.approx(ensemble.predict(test_images[0][:1]).probabilities, abs=1e-6)


def test_risks_and_levels_without_thresholds_are_refused_with_those_there_are(ensemble, test_images):
    with pytest.raises(InputError, match=r"at a risk of 3%; it has them for 5%, 2%, 1%, 0\.5%\."):
        ensemble.predict(test_images[0], risk=0.03)
    with pytest.raises(InputError, match=r"sets of level 80%; it has them for 90%, 95%, 99%\."):
        ensemble.predict(test_images[0], sets=0.8)


def test_an_ensemble_that_is_not_calibrated_predicts_its_mean_and_has_no_thresholds(changed_members, test_images):
    bare = Ensemble(changed_members(calibration=None, abstentions=(), conformal=()))
    images, _ = test_images

    found = bare.predict(images, members=True)

    np.testing.assert_allclose(found.probabilities, found.members.mean(axis=0), atol=1e-6)
    with pytest.raises(InputError, match=r"is not calibrated\. A calibration_fraction in the recipe"):
        bare.predict(images, risk=0.01)


def test_its_summary_says_what_it_is(ensemble):
    text = ensemble.summary()

    for part in (
        RUN,
        "3, trained by numpy",
        "4x4x1, uint8 from 0 to",
        "dark, left, right",
        "900 images (calib",
    ):
        assert part in text
    assert repr(ensemble) == f"<Ensemble of 3 members from {ensemble._source.place}>"
    assert len(ensemble) == 3
    assert [member.index for member in ensemble.members] == [0, 1, 2]


def test_the_public_names_are_there_when_they_are_asked_for(storage):
    assert deepchord.load(storage / "runs" / RUN).class_names == CLASSES
    assert {"Ensemble", "Prediction", "Member", "load"} <= set(dir(deepchord))
    with pytest.raises(AttributeError, match="nothing"):
        _ = deepchord.nothing


_PROGRAM = """
import sys
import deepchord
assert not [name for name in sys.modules if name.startswith(("numpy", "pydantic", "onnx"))], "import deepchord is slow"
import numpy as np
ensemble = deepchord.load({source!r})
ensemble.predict(np.zeros((2, 4, 4, 1), np.uint8), risk=0.05, sets=0.95)
unwanted = ("celery", "kombu", "redis", "keras", "tensorflow", "torch", "jax", "sklearn", "matplotlib", "rich", "scipy")
found = sorted({{name.partition(".")[0] for name in sys.modules}} & set(unwanted))
assert not found, found
"""


@pytest.mark.parametrize("kind", ["run", "folder", "file"])
def test_a_prediction_imports_no_framework_no_queue_and_nothing_else_that_is_slow(ensemble, storage, tmp_path, kind):
    if kind == "run":
        source = storage / "runs" / RUN
    else:
        source = ensemble.save(tmp_path / "saved") if kind == "folder" else ensemble.to_onnx(tmp_path / "it.onnx")

    program = _PROGRAM.format(source=str(source))
    ended = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)

    assert (ended.returncode, ended.stderr) == (0, "")
