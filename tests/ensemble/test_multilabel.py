"""An ensemble that predicts which labels apply: loaded, asked, exported, served, in the terminal."""

import json
import pickle

import numpy as np
import onnxruntime
import pytest

import deepchord
from deepchord.ensemble import MultilabelPrediction
from deepchord.ensemble.answers import Question
from deepchord.ensemble.graph import LABEL_OUTPUTS
from deepchord.shared.checkpoints import decode_ensemble_labels
from deepchord.shared.datasets import load_dataset
from deepchord.shared.errors import InputError, MessageDecodeError
from deepchord.shared.messages import EnsembleDescription
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from tests.ensemble.conftest import FLOWERS, RUN, meadows


@pytest.fixture(scope="session")
def evaluated(label_storage):
    """The evaluation, what it stored, and the data set."""
    settings = load_settings(storage=str(label_storage))
    store = RunStore.open(settings)
    run, evaluation = store.last_evaluation(store.run(RUN))
    stored = store.evaluation(run).probabilities(evaluation.probabilities_sha256)
    return evaluation, decode_ensemble_labels(stored, "it"), load_dataset(run.dataset, store, settings.cache)


def test_predictions_are_those_of_the_evaluation(botanist, evaluated):
    evaluation, expected, dataset = evaluated

    found = botanist.answers.answer(dataset.x_test, Question(members=True))

    assert isinstance(found, MultilabelPrediction)
    np.testing.assert_allclose(found.probabilities, expected.calibrated_test, atol=1e-5)
    np.testing.assert_allclose(found.predictive_entropy, expected.test_uncertainty.predictive_entropy, atol=1e-5)
    np.testing.assert_allclose(found.expected_entropy, expected.test_uncertainty.expected_entropy, atol=1e-5)
    np.testing.assert_array_equal(found.applies, expected.test > 0.5)
    assert found.members.shape == (3, len(dataset.y_test), 3)
    assert found.scores(dataset.y_test).exact_match.value == evaluation.test.exact_match.value
    assert all(result.area_under_roc > 0.75 for result in evaluation.labels)
    assert botanist.label_names == found.label_names == FLOWERS
    assert found.rows(2, 4).names() == found.names()[2:4]
    with pytest.raises(ValueError, match="read-only"):
        found.probabilities[...] = 0


def test_folders_files_pickles_and_other_runtimes_predict_the_same(botanist, evaluated, tmp_path):
    rows, (_, _, dataset) = meadows(30, 3), evaluated
    expected = botanist.predict(rows)
    exported = botanist.to_onnx(tmp_path / "it.onnx")

    for loaded in (
        deepchord.load(botanist.save(tmp_path / "saved")),
        deepchord.load(exported),
        pickle.loads(pickle.dumps(botanist)),
    ):
        np.testing.assert_array_equal(loaded.predict(rows).probabilities, expected.probabilities)
        assert loaded.description == botanist.description
    session = onnxruntime.InferenceSession(str(exported))
    names = tuple(output.name for output in session.get_outputs())
    outputs = dict(zip(names, session.run(None, {"features": dataset.x_test}), strict=True))
    answer = botanist.answers.answer(dataset.x_test, Question())
    assert names == LABEL_OUTPUTS
    np.testing.assert_array_equal(outputs["applies"], answer.applies)
    for name in ("probabilities", "predictive_entropy", "expected_entropy", "mutual_information"):
        np.testing.assert_allclose(outputs[name], getattr(answer, name), atol=2e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["label_names"]) == list(FLOWERS)
    assert float(metadata["temperature"]) == botanist.description.multilabel.calibration.temperature


def test_what_only_classes_or_numbers_have_is_refused_with_a_sentence(botanist, valuer, tmp_path):
    rows = meadows(3, 3)

    with pytest.raises(InputError, match=f"^Run {RUN} predicts labels: no class_names, but label_names"):
        _ = botanist.class_names
    with pytest.raises(InputError, match="predicts labels: no target_names, but label_names"):
        _ = botanist.target_names
    with pytest.raises(InputError, match="predicts numbers: no label_names, but target_names"):
        _ = valuer.label_names
    for asked in ({"sets": 0.9}, {"risk": 0.01}):
        with pytest.raises(InputError, match="predicts labels: abstaining and sets are for classes"):
            botanist.predict(rows, **asked)
    np.testing.assert_array_equal(botanist.predict_proba(rows), botanist.predict(rows).probabilities)
    described = json.loads(botanist.description.encode())
    assert not {"test", "calibration", "conformal", "abstentions", "regression"} & set(described)
    with pytest.raises(MessageDecodeError, match="multilabel of labels; expected the one of the data set"):
        EnsembleDescription.decode(json.dumps({**described, "multilabel": None}), "it")
    for part in ("targets gentian", "labels      gentian, orchid, rush", "exact match", "(calibration images)"):
        assert part in botanist.summary()
