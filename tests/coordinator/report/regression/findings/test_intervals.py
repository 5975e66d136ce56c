from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.report.regression.findings import (
    conclusion,
    coverage_sentence,
    coverage_tables,
    doubts,
    guarantee,
    scaling_source,
    shown_interval,
    target_rows,
)
from deepchord.coordinator.report.regression.findings.coverage import chance_range


def test_the_interval_that_is_shown_holds_as_many_rows_as_the_evaluation_counted(make_numbers):
    content = make_numbers(targets=("rent", "heating"))

    for place, rows in enumerate(target_rows(content)):
        assert rows.interval.method == "conformal"
        assert rows.is_inside.mean() == pytest.approx(rows.coverage)
        assert 2 * rows.half_width.mean() == pytest.approx(rows.interval.mean_width[place])


@pytest.mark.parametrize(("held_out", "method"), [(True, "conformal"), (False, "predicted")])
def test_without_held_out_rows_the_predicted_interval_is_shown(make_numbers, held_out, method):
    content = make_numbers(held_out=held_out)

    assert shown_interval(content, 0).method == method
    assert bool(guarantee(content)) == held_out
    assert ("No image was held out" in scaling_source(content)) == (not held_out)


def test_with_too_few_held_out_rows_for_a_bound_the_scaled_interval_is_shown(make_numbers):
    content = make_numbers(calibration_rows=5)

    assert shown_interval(content, 0).method == "scaled"
    assert "too few images were held out for a bound" in guarantee(content)
    assert np.isfinite(target_rows(content)[0].half_width).all()
    assert coverage_tables(content)[0].rows[2].cells[-1].width == "no bound"


def test_errors_are_told_in_the_deviations_that_are_shown(make_numbers):
    content = make_numbers(spread=4.0)
    (rows,) = target_rows(content)

    factor = content.evaluation.scaling.factors[0]
    assert factor < 0.5
    assert rows.deviation == pytest.approx(content.predictions.test.standard_deviation[:, 0] * factor**0.5)
    assert rows.scaled_error.std() == pytest.approx(1.0, abs=0.25)


def test_the_conclusion_counts_the_test_rows_and_says_when_chance_does_not_explain_it(make_numbers):
    content = make_numbers()
    (rows,) = target_rows(content)
    said = conclusion(with_coverage(content, 0.9))

    assert "rent should lie in about 9 of 10 cases within" in said
    assert f"it did in {int(rows.is_inside.sum()):,}" in said
    assert "chance" not in said

    far = conclusion(with_coverage(content, 0.7))
    assert "fewer than chance easily explains" in far
    assert "too narrow" in far


def with_coverage(content, coverage):
    intervals = tuple(
        each.model_copy(update={"coverage": (coverage,) * len(content.targets)})
        for each in content.evaluation.intervals
    )
    return replace(content, evaluation=content.evaluation.model_copy(update={"intervals": intervals}))


@given(coverage=st.floats(0, 1))
def test_a_coverage_is_doubted_exactly_if_it_is_far_from_its_level(make_numbers, coverage):
    content = with_coverage(make_numbers_once(make_numbers), coverage)
    interval = shown_interval(content, 0)
    error = (interval.level * (1 - interval.level) * (1 / 120 + 1 / content.evaluation.scaling.rows)) ** 0.5

    said = [doubt for doubt in doubts(content) if "interval of rent" in doubt]

    assert bool(said) == (abs(coverage - 0.9) > 3 * error)
    low, high = chance_range(content, interval)
    assert 0 <= low < interval.level < high <= 1


_CONTENTS: list = []


def make_numbers_once(make_numbers):
    if not _CONTENTS:
        _CONTENTS.append(make_numbers())
    return _CONTENTS[0]


def test_a_line_tells_coverage_and_width(make_numbers):
    content = make_numbers()
    (rows,) = target_rows(content)

    said = coverage_sentence(content, rows)

    assert said.startswith("90\u00a0% interval (conformal): ±")
    assert f"{100 * rows.coverage:.1f}\u00a0% of 120\u00a0test images" in said


def test_a_wide_prediction_is_as_wide_as_its_normal_distribution(make_numbers):
    content = make_numbers(held_out=False)
    (rows,) = target_rows(content)

    assert rows.half_width == pytest.approx(NormalDist().inv_cdf(0.95) * rows.deviation)


@pytest.mark.parametrize("most", [1, 7, 119, 120, 500])
def test_rows_are_thinned_evenly_by_their_prediction(make_numbers, most):
    (rows,) = target_rows(make_numbers_once(make_numbers))

    drawn = rows.drawn(most)

    assert len(drawn) == min(most, 120)
    assert len(set(drawn.tolist())) == len(drawn)
    assert (np.diff(rows.predicted[drawn]) >= 0).all()
