"""Scores against independent implementations and known closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from deepchord.shared.regression import (
    LEVELS,
    Predictions,
    conformal_half_width,
    coverage,
    extrapolate_factor,
    fit_factor,
    gaussian_losses,
    normal_half_width,
    score_targets,
    shares_below,
)

SEEDS = st.integers(0, 10_000)


def drawn(seed: int, size: int = 30, targets: int = 2) -> tuple[Predictions, np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = (size, targets)
    predictions = Predictions(
        mean=generator.normal(0, 3, shape),
        aleatoric_variance=generator.uniform(0.1, 4, shape),
        epistemic_variance=generator.uniform(0, 1, shape),
    )
    return predictions, generator.normal(0, 3, shape)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_scores_are_those_of_scikit_learn_and_scipy(seed: int):
    predictions, actual = drawn(seed)

    scores = score_targets(predictions, actual)

    for target, found in enumerate(scores):
        mean, wanted = predictions.mean[:, target], actual[:, target]
        assert found.root_mean_squared_error == pytest.approx(root_mean_squared_error(wanted, mean), rel=1e-9)
        assert found.mean_absolute_error == pytest.approx(mean_absolute_error(wanted, mean), rel=1e-9)
        assert found.r_squared == pytest.approx(r2_score(wanted, mean), rel=1e-9, abs=1e-9)
        density = stats.norm(mean, predictions.standard_deviation[:, target]).logpdf(wanted)
        assert found.negative_log_likelihood == pytest.approx(-density.mean(), rel=1e-9)


def test_the_ranked_probability_score_is_its_integral():
    predictions, actual = drawn(3, size=4, targets=1)
    wanted = [
        _integral(stats.norm(mean, deviation), number)
        for mean, deviation, number in zip(
            predictions.mean[:, 0], predictions.standard_deviation[:, 0], actual[:, 0], strict=True
        )
    ]

    (found,) = score_targets(predictions, actual)

    assert found.continuous_ranked_probability_score == pytest.approx(np.mean(wanted), rel=1e-5)


def _integral(predicted: stats.rv_continuous, number: float) -> float:
    """Of the squared distance between the predicted distribution function and the step at the number."""
    far = predicted.mean() - 60, predicted.mean() + 60
    below = integrate.quad(lambda x: predicted.cdf(x) ** 2, far[0], number, limit=200)[0]
    return below + integrate.quad(lambda x: predicted.sf(x) ** 2, number, far[1], limit=200)[0]


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(0.01, 100))
def test_scores_follow_the_unit_of_the_numbers_and_not_the_order_of_the_rows(seed: int, factor: float):
    predictions, actual = drawn(seed, targets=1)
    order = np.random.default_rng(seed).permutation(len(actual))
    turned = predictions.rows(order)
    scaled = Predictions(
        mean=turned.mean * factor,
        aleatoric_variance=turned.aleatoric_variance * factor**2,
        epistemic_variance=turned.epistemic_variance * factor**2,
    )

    (found,), (other,) = score_targets(predictions, actual), score_targets(scaled, actual[order] * factor)

    assert other.root_mean_squared_error == pytest.approx(factor * found.root_mean_squared_error, rel=1e-9)
    assert other.continuous_ranked_probability_score == pytest.approx(
        factor * found.continuous_ranked_probability_score, rel=1e-9
    )
    assert other.r_squared == pytest.approx(found.r_squared, rel=1e-9, abs=1e-9)
    assert other.negative_log_likelihood == pytest.approx(
        found.negative_log_likelihood + np.log(factor), rel=1e-9, abs=1e-9
    )


def test_numbers_that_are_all_equal_have_no_share_of_explained_variance():
    predictions, _ = drawn(0, targets=1)

    (found,) = score_targets(predictions, np.ones((30, 1)))

    assert found.r_squared is None


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.floats(0.05, 20.0))
def test_the_factor_is_the_most_likely_one_where_there_are_many_rows(seed: int, true: float):
    errors = np.random.default_rng(seed).normal(0, np.sqrt(true), (5000, 1))

    (found,) = fit_factor(errors)

    around = [
        gaussian_losses(np.zeros_like(errors), np.full_like(errors, factor), errors).mean()
        for factor in (found * 0.9, found, found * 1.1)
    ]
    assert around[1] == min(around)
    assert found == pytest.approx(true, rel=0.15)


def test_few_rows_that_fit_perfectly_do_not_make_the_ensemble_certain():
    assert fit_factor(np.zeros((3, 1)))[0] > 0.5
    assert fit_factor(np.full((3, 1), 100.0))[0] > 100


def test_an_extrapolated_factor_lies_between_the_half_and_the_whole_of_the_fitted_one():
    found = extrapolate_factor(np.array([2.0, 1.0, 0.9]), np.array([1.0, 0.9, 1.0]), (1.0, 2.0), 8)

    np.testing.assert_allclose(found, [2**-0.75, 0.9 ** (1 + 0.75), 1.0])
    assert extrapolate_factor(np.array([1.4]), np.array([1.2]), (1.0, 2.0), 2)[0] == 1.2


@pytest.mark.parametrize("level", LEVELS)
def test_conformal_intervals_contain_new_numbers_as_often_as_they_promise(level: float):
    generator, covered = np.random.default_rng(7), []
    for _ in range(2000):
        # Of any distribution, here of one with long tails.
        held_out, new = np.abs(generator.standard_t(2, 60)), np.abs(generator.standard_t(2, 20))
        covered.append(coverage(new, conformal_half_width(held_out, level)))

    assert np.mean(covered) == pytest.approx(np.ceil(61 * level) / 61, abs=0.015)


def test_too_few_rows_have_no_bound():
    assert conformal_half_width(np.arange(9.0), 0.9) == 8.0
    assert conformal_half_width(np.arange(8.0), 0.9) is None
    assert coverage(np.array([1e9]), None) == 1.0


def test_normal_intervals_and_quantiles_are_those_of_the_normal_distribution():
    assert normal_half_width(0.95) == pytest.approx(1.959964, abs=1e-6)
    errors = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)[:, None]
    for level in (0.05, 0.5, 0.8):
        assert shares_below(errors, level)[0] == pytest.approx(level, abs=1e-3)
        assert coverage(np.abs(errors[:, 0]), normal_half_width(level)) == pytest.approx(level, abs=2e-3)
