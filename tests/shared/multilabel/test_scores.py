"""Scores of labels against scikit-learn, and what a temperature does to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from deepchord.shared.multilabel import (
    RunningLabels,
    binary_entropy,
    fit_label_temperature,
    label_bins,
    label_losses,
    label_results,
    probabilities_of,
    score_labels,
    with_label_temperature,
)

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 4))


def made(size: int = 300, labels: int = 4, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right if the sharpness is 1, and labels that are drawn from them."""
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(size, labels)) - 0.5
    drawn = (generator.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
    return (1 / (1 + np.exp(-sharpness * logits))).astype(np.float32), drawn


def test_all_scores_are_those_of_scikit_learn():
    probabilities, labels = made()
    predicted = probabilities > 0.5

    found, per_label = score_labels(probabilities, labels), label_results(probabilities, labels)

    losses = [
        metrics.log_loss(of_label, p.astype(np.float64)) for of_label, p in zip(labels.T, probabilities.T, strict=True)
    ]
    assert found.negative_log_likelihood.value == pytest.approx(np.mean(losses), rel=1e-6)
    assert found.exact_match.value == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert found.hamming_loss.value == pytest.approx(metrics.hamming_loss(labels, predicted))
    assert found.micro_f1 == pytest.approx(metrics.f1_score(labels, predicted, average="micro"))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))
    briers = [metrics.brier_score_loss(of_label, p) for of_label, p in zip(labels.T, probabilities.T, strict=True)]
    assert found.brier_score.value == pytest.approx(np.mean(briers), rel=1e-5)
    for place, result in enumerate(per_label):
        actual, of_label = labels[:, place], probabilities[:, place]
        assert result.area_under_roc == pytest.approx(metrics.roc_auc_score(actual, of_label))
        assert result.f1 == pytest.approx(metrics.f1_score(actual, of_label > 0.5))
        assert result.prevalence == pytest.approx(actual.mean())
        assert result.negative_log_likelihood == pytest.approx(losses[place], rel=1e-6)
        assert result.brier_score == pytest.approx(briers[place], rel=1e-5)
    for estimate in (found.negative_log_likelihood, found.exact_match, found.calibration_error):
        assert estimate.low <= estimate.value <= estimate.high


def test_the_calibration_error_is_the_weighted_gap_of_the_bins_of_all_labels():
    probabilities, labels = made(sharpness=2.0)

    bins = label_bins(probabilities, labels)

    total = sum(each.probabilities for each in bins)
    error = sum(each.probabilities * abs(each.mean_probability - each.applying) for each in bins) / total
    assert total == labels.size
    assert score_labels(probabilities, labels).calibration_error.value == pytest.approx(error, abs=1e-6)


def test_labels_of_which_nothing_is_known_have_no_f1_and_count_for_no_mean():
    probabilities, labels = made(labels=3)
    labels[:, 0], labels[:, 1] = 0, 1

    absent, always, usual = label_results(probabilities, labels)
    found = score_labels(probabilities, labels)

    assert (absent.f1, absent.area_under_roc, absent.prevalence) == (None, None, 0.0)
    assert always.area_under_roc is None
    assert found.macro_f1 == pytest.approx((always.f1 + usual.f1) / 2)
    none = score_labels(probabilities, np.zeros_like(labels))
    assert (none.micro_f1, none.macro_f1) == (None, None)


def test_probabilities_that_are_too_sure_get_the_temperature_that_they_were_sharpened_by():
    probabilities, labels = made(4000, sharpness=2.0)

    temperature = fit_label_temperature(probabilities, labels)

    assert temperature == pytest.approx(2.0, rel=0.1)
    scaled = with_label_temperature(probabilities, temperature)
    assert score_labels(scaled, labels).calibration_error.value < 0.02
    assert (
        label_losses(scaled, labels).negative_log_likelihood
        < label_losses(probabilities, labels).negative_log_likelihood
    )


@given(arrays.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)), st.floats(0.05, 20))
def test_a_temperature_moves_no_probability_across_a_half_and_keeps_their_order(probabilities, temperature):
    scaled = with_label_temperature(probabilities, temperature)

    assert ((scaled >= 0) & (scaled <= 1)).all()
    assert (scaled[probabilities > 0.5] >= 0.5).all()
    assert (scaled[probabilities < 0.5] <= 0.5).all()
    order = np.argsort(probabilities, axis=None, kind="stable")
    assert (np.diff(scaled.reshape(-1)[order]) >= -1e-6).all()


@given(arrays.arrays(np.float32, st.integers(1, 20), elements=st.floats(-300, 300, width=32)))
def test_probabilities_of_any_logits_are_finite_and_exact(logits):
    bounded = np.clip(logits.astype(np.float64), -87, 87)

    np.testing.assert_allclose(probabilities_of(logits), 1 / (1 + np.exp(-bounded)), rtol=1e-5)


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3)),
        elements=st.floats(0, 1, width=32),
    )
)
def test_entropies_of_the_mean_are_at_least_those_of_the_members(members):
    running = RunningLabels(*members.shape[1:])
    for own in members:
        running.add(own)

    found = running.result()

    np.testing.assert_allclose(running.mean(), members.astype(np.float64).mean(axis=0), atol=1e-6)
    assert (found.predictive_entropy >= found.expected_entropy - 1e-6).all()
    assert found.predictive_entropy.max() <= np.log(2) + 1e-6
    np.testing.assert_allclose(found.expected_entropy, binary_entropy(members).mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(binary_entropy(np.array([0.0, 0.5, 1.0])), [0, np.log(2), 0])
