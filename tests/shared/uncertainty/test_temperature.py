import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from deepchord.shared.uncertainty import (
    accuracy,
    extrapolate_temperature,
    fit_temperature,
    negative_log_likelihood,
    with_temperature,
)
from tests.shared.uncertainty.drawn import Drawn, calibrated, powered, predictions


@given(drawn=predictions(), temperature=st.floats(0.02, 50))
def test_no_temperature_changes_a_prediction(drawn: Drawn, temperature: float):
    probabilities, labels = drawn
    scaled = with_temperature(probabilities, temperature)

    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))
    assert accuracy(scaled, labels) == accuracy(probabilities, labels)
    np.testing.assert_allclose(scaled.sum(axis=1), 1, atol=1e-5)


@given(drawn=predictions())
def test_a_fitted_temperature_is_finite_and_no_other_is_more_probable(drawn: Drawn):
    probabilities, labels = drawn
    fitted = fit_temperature(probabilities, labels)

    def surprise(temperature: float) -> float:
        loss = negative_log_likelihood(with_temperature(probabilities, temperature), labels)
        return loss + 4 * (1 / temperature + np.log(temperature)) / len(labels)

    assert 0.02 <= fitted <= 50
    for other in (fitted * 0.9, fitted * 1.1, 1.0):
        if 0.02 <= other <= 50:
            assert surprise(fitted) <= surprise(other) + 1e-5


@pytest.mark.parametrize("exponent", [0.3, 0.8, 1.0, 1.5, 2.5])
def test_the_temperature_of_probabilities_that_were_sharpened_is_found_again(exponent: float):
    probabilities, labels = calibrated(20_000)
    changed = powered(probabilities, exponent)

    found = fit_temperature(changed, labels)
    assert found == pytest.approx(exponent, rel=0.05)
    theirs = minimize_scalar(
        lambda temperature: negative_log_likelihood(powered(np.clip(changed, 1e-12, 1), 1 / temperature), labels),
        bounds=(0.05, 20),
        method="bounded",
        options={"xatol": 1e-7},
    )
    assert found == pytest.approx(theirs.x, rel=1e-3)


def test_probabilities_that_are_all_equal_keep_their_temperature():
    assert fit_temperature(np.full((5, 4), 0.25, np.float32), np.arange(5) % 4) == 1.0


@pytest.mark.parametrize("right", [True, False])
def test_who_is_always_right_or_always_wrong_gets_a_temperature_near_the_bound(right: bool):
    probabilities = np.full((100_000, 3), 0.1, np.float32)
    labels = np.arange(100_000) % 3
    probabilities[np.arange(100_000), labels if right else (labels + 1) % 3] = 0.8

    found = fit_temperature(probabilities, labels)

    assert 0.02 <= found < 0.3 if right else 49 < found <= 50
    assert np.isfinite(with_temperature(probabilities, found)).all()


@pytest.mark.parametrize("images", [1, 3, 15])
def test_a_few_images_that_happen_to_be_right_do_not_ask_for_certainty(images: int):
    probabilities, labels = calibrated(20_000, scale=8)
    right = np.flatnonzero(probabilities.argmax(axis=1) == labels)[:images]

    found = fit_temperature(probabilities[right], labels[right])

    assert 0.3 < found < 1
    loss = negative_log_likelihood(with_temperature(probabilities, found), labels)
    assert loss < 1.3 * negative_log_likelihood(probabilities, labels)


def test_the_logarithm_of_a_temperature_is_extrapolated_along_a_line_in_one_over_members():
    line = {members: 0.6 * 1.5 ** (1 / members) for members in (1, 1.4, 2, 10)}

    for own in (1, 1.4, 2):
        found = extrapolate_temperature(line[own], (own, 10), of_parts=(line[1], line[2]), parts=(1, 2))

        assert found == pytest.approx(line[10])
    assert extrapolate_temperature(0.1, (2, 1000), of_parts=(40.0, 0.1), parts=(1, 2)) == 0.02


def test_more_members_never_need_a_higher_temperature():
    assert extrapolate_temperature(0.8, (1.5, 8), of_parts=(0.7, 0.9), parts=(1, 2)) == 0.8
