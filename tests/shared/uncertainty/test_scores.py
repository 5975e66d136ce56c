from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.metrics.calibration import expected_calibration_error as mapie_calibration_error
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss

from deepchord.shared.uncertainty import (
    SMALLEST_PROBABILITY,
    accuracy,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    score_probabilities,
)
from tests.shared.uncertainty.drawn import Drawn, calibrated, powered, predictions

ALONE = (accuracy, negative_log_likelihood, expected_calibration_error)


def scores_of(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> dict[str, float]:
    """Return each score by its name."""
    scores = score_probabilities(probabilities, labels)
    return {name: getattr(scores, name).value for name in type(scores).model_fields}


@given(drawn=predictions(), seed=st.integers(0, 100))
def test_the_order_of_images_changes_no_score(drawn: Drawn, seed: int):
    probabilities, labels = drawn
    order = np.random.default_rng(seed).permutation(len(labels))

    expected = pytest.approx(scores_of(probabilities, labels), abs=1e-6)
    assert scores_of(probabilities[order], labels[order]) == expected


@given(drawn=predictions(), seed=st.integers(0, 100))
def test_the_order_of_classes_changes_no_score_unless_two_are_equally_probable(drawn: Drawn, seed: int):
    probabilities, labels = drawn
    order = np.random.default_rng(seed).permutation(probabilities.shape[1])
    highest = np.sort(probabilities, axis=1)[:, -2:]
    if (highest[:, 0] == highest[:, 1]).any():
        return

    expected = pytest.approx(scores_of(probabilities, labels), abs=1e-6)
    assert scores_of(probabilities[:, order], np.argsort(order)[labels]) == expected


@given(drawn=predictions())
def test_all_scores_are_finite_and_lie_in_their_intervals(drawn: Drawn):
    scores = score_probabilities(*drawn)

    for name in type(scores).model_fields:
        estimate = getattr(scores, name)
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.value <= (17 if name == "negative_log_likelihood" else 2)
    for score in ALONE:
        assert getattr(scores, score.__name__).value == pytest.approx(score(*drawn), abs=1e-6)


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_who_is_certain_and_right_has_no_loss_and_no_calibration_error(labels: list[int]):
    perfect = np.eye(4, dtype=np.float32)[labels]

    found = scores_of(perfect, np.array(labels))
    assert found.pop("accuracy") == 1
    assert set(found.values()) == {0}


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_who_is_certain_and_wrong_has_the_largest_errors_and_a_finite_loss(labels: list[int]):
    wrong = np.eye(4, dtype=np.float32)[(np.array(labels) + 1) % 4]

    found = scores_of(wrong, np.array(labels))
    assert found["accuracy"] == 0
    assert found["negative_log_likelihood"] == pytest.approx(-np.log(SMALLEST_PROBABILITY))
    assert found["brier_score"] == 2
    assert found["expected_calibration_error"] == found["adaptive_calibration_error"] == pytest.approx(1)


def test_who_names_each_class_with_its_frequency_is_calibrated():
    labels = np.repeat(np.arange(4), 5)
    uniform = np.full((20, 4), 0.25, np.float32)

    found = scores_of(uniform, labels)
    assert found["negative_log_likelihood"] == pytest.approx(np.log(4))
    assert found["brier_score"] == pytest.approx(0.75)
    for name in ("expected", "adaptive", "classwise"):
        assert found[f"{name}_calibration_error"] == pytest.approx(0, abs=1e-9)


def of_bins(values: NDArray[np.float64], hits: NDArray[np.bool_]) -> float:
    edges = np.linspace(0, 1, 16)
    total = 0.0
    for low, high in pairwise(edges):
        inside = (values > low) & (values <= high)
        if inside.any():
            total += float(inside.mean() * abs(values[inside].mean() - hits[inside].mean()))
    return total


def test_scores_agree_with_independent_implementations():
    probabilities, labels = calibrated(5_000, scale=1.5)
    sharper = powered(probabilities, 1.5)
    confidence, is_right = sharper.max(axis=1), sharper.argmax(axis=1) == labels

    found = scores_of(sharper, labels)

    assert found["accuracy"] == pytest.approx(accuracy_score(labels, sharper.argmax(axis=1)), abs=1e-6)
    assert found["negative_log_likelihood"] == pytest.approx(log_loss(labels, sharper), abs=1e-6)
    brier = np.mean([sum((sharper[at] - np.eye(10)[labels[at]]) ** 2) for at in range(len(labels))])
    assert found["brier_score"] == pytest.approx(brier, abs=1e-6)
    # MAPIE counts edges, one more than bins.
    theirs = mapie_calibration_error(is_right.astype(int), confidence, num_bins=16, split_strategy="uniform")
    assert found["expected_calibration_error"] == pytest.approx(theirs, abs=1e-6)
    assert found["expected_calibration_error"] == pytest.approx(of_bins(confidence, is_right), abs=1e-6)
    of_classes = [of_bins(sharper[:, label], labels == label) for label in range(10)]
    assert found["classwise_calibration_error"] == pytest.approx(np.mean(of_classes), abs=1e-6)
    # 5,000 images in 15 bins: one more or less in a bin.
    theirs = mapie_calibration_error(is_right.astype(int), confidence, num_bins=16, split_strategy="quantile")
    assert found["adaptive_calibration_error"] == pytest.approx(theirs, abs=5e-4)
    in_order = np.argsort(confidence)[:4_995]
    parts = np.array_split(in_order, 15)
    equal = sum(len(part) / 4_995 * abs(confidence[part].mean() - is_right[part].mean()) for part in parts)
    ours = scores_of(sharper[in_order], labels[in_order])["adaptive_calibration_error"]
    assert ours == pytest.approx(equal, abs=1e-6)


def test_calibrated_probabilities_have_a_small_error_and_sharpened_ones_a_large_one():
    probabilities, labels = calibrated(20_000)

    assert expected_calibration_error(probabilities, labels) < 0.015
    assert expected_calibration_error(powered(probabilities, 3), labels) > 0.1


def test_the_interval_of_the_accuracy_is_that_of_a_share():
    probabilities, labels = calibrated(4_000)
    estimate = score_probabilities(probabilities, labels).accuracy
    half = 1.96 * np.sqrt(estimate.value * (1 - estimate.value) / 4_000)

    assert estimate.high - estimate.value == pytest.approx(half, rel=0.3)
    assert estimate.value - estimate.low == pytest.approx(half, rel=0.3)


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    drawn = calibrated(500)

    assert score_probabilities(*drawn, seed=1) == score_probabilities(*drawn, seed=1)
    assert score_probabilities(*drawn, seed=1) != score_probabilities(*drawn, seed=2)


@given(drawn=predictions())
def test_reliability_bins_hold_every_image_once_and_give_the_calibration_error(drawn: Drawn):
    bins = reliability_bins(*drawn)

    assert sum(each.images for each in bins) == len(drawn[1])
    error = sum(each.images * abs(each.mean_confidence - each.accuracy) for each in bins) / len(drawn[1])
    assert error == pytest.approx(expected_calibration_error(*drawn), abs=1e-6)
