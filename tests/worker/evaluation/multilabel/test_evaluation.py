"""Ensembles of labels evaluated with the engine in NumPy: members are one layer each, sharper than they should be."""

import io

import numpy as np
import pytest

from deepchord.shared.checkpoints import decode_ensemble_labels
from deepchord.shared.datasets import Dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.messages import MultilabelEvaluation, Trainer
from deepchord.shared.multilabel import label_bins, label_losses, label_results, score_labels, with_label_temperature
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.worker.evaluation import Candidate, Evaluator, evaluate_multilabel
from tests.numpy_engine import NumpyEngine

NETWORK = Architecture(layers=(Flatten(), Dense(units="outputs", activation="sigmoid")))
SLOPES = np.array([[2.0, 0.0, -1.0], [1.0, 2.0, 0.0]], np.float32)
TRAINER = Trainer(host="here", engine="numpy", engine_version="1", device="cpu:0")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(700, 1, 2, 1)).astype(np.float32)
    y = generator.random((700, 3)) < 1 / (1 + np.exp(-x.reshape(700, 2) @ SLOPES))
    arrays = {"x_train": x[:500], "y_train": y[:500], "x_test": x[500:], "y_test": y[500:]}
    names = {"label_names": np.array(["sun", "sea", "sand"])}
    return dataset_from_arrays(arrays | names, name="made", source="made")


def evaluated(dataset: Dataset, members: int, *, held_out: bool = True, calibration: int = 0):
    """Evaluate members whose logits are two and a half times too large, each with its own noise."""
    network = NETWORK.resolve(input_shape=(1, 2, 1), labels=3)

    def weights(index: int):
        noise = 0.5 * np.random.default_rng(index).normal(size=SLOPES.shape).astype(np.float32)
        return ((np.float32(2.5) * (SLOPES + noise), np.zeros(3, np.float32)),)

    candidates = [
        Candidate(
            index=index,
            network=network,
            weights=lambda index=index: weights(index),
            held_out=(lambda index=index: np.arange(index % 2, 500, 2)) if held_out else None,
        )
        for index in range(members)
    ]
    rows = np.arange(calibration) if calibration else None
    return evaluate_multilabel(Evaluator(engine=NumpyEngine(), trainer=TRAINER), dataset, candidates, members, rows)


def test_all_that_is_reported_follows_from_what_is_stored(dataset):
    found = evaluated(dataset, 4)
    evaluation, actual = found.evaluation, dataset.y_test

    stored = decode_ensemble_labels(found.encoded_probabilities, "it")

    assert evaluation.test == score_labels(stored.test, actual)
    assert evaluation.calibrated_test == score_labels(stored.calibrated_test, actual)
    assert evaluation.train == label_losses(stored.train, dataset.y_train)
    assert evaluation.labels == label_results(stored.test, actual)
    assert evaluation.best_labels == label_results(stored.best_test, actual)
    assert evaluation.calibrated_reliability == label_bins(stored.calibrated_test, actual)
    scaled = with_label_temperature(stored.test, evaluation.calibration.temperature)
    np.testing.assert_array_equal(stored.calibrated_test, scaled)
    assert (stored.test_uncertainty.mutual_information > 0.001).any()
    assert MultilabelEvaluation.decode(evaluation.encode(), "it") == evaluation
    assert evaluation.encode().startswith(b'{\n "task": "multilabel"')
    assert [member.index for member in evaluation.members] == [0, 1, 2, 3]
    arrays, file = dict(np.load(io.BytesIO(found.encoded_probabilities))), io.BytesIO()
    np.savez(file, **arrays | {"calibrated_test": arrays["test"][:3]})
    with pytest.raises(CorruptObjectError, match="it are no probabilities: expected float32"):
        decode_ensemble_labels(file.getvalue(), "it")


def test_one_temperature_is_fitted_on_rows_that_members_held_out_and_corrects_the_probabilities(dataset):
    of_validation = evaluated(dataset, 4).evaluation
    of_calibration = evaluated(dataset, 4, calibration=200).evaluation

    assert of_validation.calibration.source == "out_of_bag"
    assert (of_validation.calibration.images, of_validation.calibration.members_per_image) == (500, 2.0)
    # Each row was held out by two of four members: a mean of four is less certain, and needs less.
    assert 1.0 < of_validation.calibration.temperature < of_validation.calibration.fitted_temperature
    assert of_calibration.calibration.source == "calibration_images"
    assert of_calibration.calibration.images == 200
    assert of_calibration.calibration.temperature == of_calibration.calibration.fitted_temperature
    for each in (of_validation, of_calibration):
        before, after = each.test, each.calibrated_test
        assert after.negative_log_likelihood.value < before.negative_log_likelihood.value
        assert after.calibration_error.value < before.calibration_error.value
        # No probability crosses a half.
        assert (after.exact_match, after.hamming_loss) == (before.exact_match, before.hamming_loss)
        assert (after.micro_f1, after.macro_f1) == (before.micro_f1, before.macro_f1)


def test_without_held_out_rows_nothing_is_calibrated_and_one_member_has_no_sizes(dataset):
    evaluation = evaluated(dataset, 1, held_out=False).evaluation

    assert (evaluation.calibration, evaluation.calibrated_test, evaluation.calibrated_labels) == (None, None, ())
    assert evaluation.by_size == ()
    assert evaluation.best == evaluation.test == evaluation.members[0].test
    sizes = evaluated(dataset, 4).evaluation.by_size
    assert [each.members for each in sizes] == [1, 2, 3, 4]
    assert sizes[-1].negative_log_likelihood < sizes[0].negative_log_likelihood
