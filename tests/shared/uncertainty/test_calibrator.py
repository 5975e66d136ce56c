"""The map of confidence and the choice of a calibrator, on drawn probabilities and beside scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from deepchord.shared.messages import Calibration
from deepchord.shared.uncertainty import (
    Calibrator,
    calibrator_of,
    expected_calibration_error,
    fit_calibrator,
    fit_temperature,
    negative_log_likelihood,
)
from deepchord.shared.uncertainty.confidence_map import fit_confidence_map, with_confidence
from tests.shared.uncertainty.drawn import Drawn, calibrated, powered, predictions


@settings(deadline=None)
@given(predictions())
def test_a_map_increases_from_0_to_1_and_calibrated_probabilities_keep_their_classes(drawn: Drawn):
    probabilities, labels = drawn
    found = fit_confidence_map(probabilities, labels)

    assert (np.diff(found.confidences) > 0).all()
    assert (np.diff(found.accuracies) > 0).all()
    assert (found.confidences[0], found.confidences[-1]) == (0, 1)
    assert found.accuracies[0] > 0
    assert found.accuracies[-1] < 1
    changed = with_confidence(probabilities, found(probabilities.max(axis=1)))
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    np.testing.assert_allclose(changed.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(changed.argmax(axis=1), probabilities.argmax(axis=1))


@settings(deadline=None)
@given(predictions(), st.floats(0, 1))
def test_any_confidence_can_be_given_and_the_other_classes_keep_their_shares(drawn: Drawn, wanted: float):
    probabilities, _ = drawn
    changed = with_confidence(probabilities, np.full(len(probabilities), wanted))
    rows, predicted = np.arange(len(changed)), probabilities.argmax(axis=1)

    reached = changed[rows, predicted]
    assert (reached >= min(wanted, 1 - 2e-6) - 1e-6).all()  # never less, for the class stays the predicted one
    others, before = changed.astype(np.float64), probabilities.astype(np.float64)
    others[rows, predicted] = before[rows, predicted] = 0
    kept = before.sum(axis=1) > 1e-3
    shares = before[kept] / before[kept].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(others[kept], shares * others[kept].sum(axis=1, keepdims=True), atol=1e-5)


def test_between_blocks_the_map_follows_the_isotonic_regression_of_scikit_learn():
    probabilities, labels = calibrated(20_000)
    sharp = powered(probabilities, 2.0)
    confidence, is_right = sharp.max(axis=1), sharp.argmax(axis=1) == labels

    found = fit_confidence_map(sharp, labels)(confidence)

    expected = IsotonicRegression(y_min=0, y_max=1).fit(confidence, is_right).predict(confidence)
    assert np.abs(found - expected).mean() < 0.008


def test_what_one_temperature_cannot_mend_is_mapped_and_what_it_can_is_not():
    probabilities, labels = calibrated(20_000)
    generator = np.random.default_rng(3)
    # A fifth of the answers are wrong however certain they are.
    noisy = np.where(generator.random(len(labels)) < 0.2, generator.integers(0, 10, len(labels)), labels)

    mended, mapped = fit_calibrator(powered(probabilities, 3.0), labels), fit_calibrator(probabilities, noisy)

    assert mended.temperature_loss is not None
    assert mended.map_loss is not None
    assert mended.calibrator.temperature == pytest.approx(3.0, rel=0.05)
    assert abs(mended.map_loss - mended.temperature_loss) < 0.002
    assert mapped.calibrator.confidence_map is not None
    assert mapped.map_loss < mapped.temperature_loss
    others, drawn = calibrated(20_000, seed=8)
    changed = np.where(generator.random(len(drawn)) < 0.2, generator.integers(0, 10, len(drawn)), drawn)
    alone = Calibrator(temperature=fit_temperature(probabilities, noisy))
    better, worse = mapped.calibrator(others), alone(others)
    assert negative_log_likelihood(better, changed) < negative_log_likelihood(worse, changed)
    assert expected_calibration_error(better, changed) < 0.5 * expected_calibration_error(worse, changed)


@settings(deadline=None)
@given(predictions(), st.floats(0, 1))
def test_a_threshold_before_the_map_answers_the_same_images_as_the_mapped_one(drawn: Drawn, share: float):
    probabilities, labels = drawn
    calibrator = Calibrator(temperature=1.0, confidence_map=fit_confidence_map(probabilities, labels))
    before = probabilities.max(axis=1)
    threshold = np.quantile(before, share, method="nearest")

    after = calibrator.confidence_map(before)

    # As far as numbers tell confidences apart.
    told_apart = np.abs(before - threshold) > 1e-6
    assert np.array_equal((after >= calibrator.threshold(threshold))[told_apart], (before >= threshold)[told_apart])
    assert Calibrator(temperature=1.0).threshold(0.3) == 0.3


def test_few_images_have_a_temperature_alone():
    probabilities, labels = calibrated(499)
    found = fit_calibrator(probabilities, labels)

    assert (found.calibrator.confidence_map, found.temperature_loss, found.map_loss) == (None, None, None)


def test_a_record_gives_the_calibrator_back():
    probabilities, labels = calibrated(2_000)
    fitted = fit_confidence_map(probabilities, labels)
    record = Calibration(
        source="out_of_bag",
        temperature=0.7,
        images=2_000,
        members_per_image=2,
        fitted_temperature=0.8,
        confidence_map=fitted.knots(),
    )

    stored = calibrator_of(Calibration.decode(record.encode(), "it"))

    expected = Calibrator(temperature=0.7, confidence_map=fitted)
    np.testing.assert_array_equal(stored(probabilities), expected(probabilities))
    without = calibrator_of(record.model_copy(update={"confidence_map": ()}))
    np.testing.assert_array_equal(without(probabilities), Calibrator(temperature=0.7)(probabilities))
