import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepchord.coordinator.report.findings import curve_panels
from deepchord.coordinator.report.regression.findings import (
    MEASURES,
    error_histogram,
    largest_errors,
    most_uncertain,
    quantile_curves,
    size_curves,
    size_sentence,
    spread_sentence,
    spreads,
    target_rows,
)


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e6, 1e6)))
def test_each_error_is_in_one_bin_of_the_histogram(errors):
    found = error_histogram(errors)

    assert sum(found.shares) == pytest.approx(1.0)
    assert sum(found.normal) == pytest.approx(1.0)
    assert found.shares[-1] == pytest.approx((errors >= found.edges[-2]).mean())
    assert found.shares[0] == pytest.approx((errors < found.edges[1]).mean())


def test_quantiles_go_from_nothing_to_all_and_are_rated_by_chance(make_numbers):
    (curve,) = quantile_curves(make_numbers())

    assert (curve.before[0], curve.before[-1], curve.after[-1]) == (0.0, 1.0, 1.0)
    assert all(np.diff(curve.before) >= 0)
    assert all(low <= level <= high for low, level, high in zip(curve.low, curve.levels, curve.high, strict=True))


def test_noise_and_disagreement_make_up_the_variance(make_numbers):
    content = make_numbers(targets=("rent", "heating"))

    for place, spread in enumerate(spreads(content)):
        parts = spread.aleatoric_deviation**2 + spread.epistemic_deviation**2
        assert spread.deviation**2 == pytest.approx(parts)
        assert parts == pytest.approx(content.best_test.variance[:, place].mean())
    assert "at most" in spread_sentence(content)


def test_a_single_member_cannot_disagree(make_numbers):
    content = make_numbers(members=1)

    assert spread_sentence(content) == ""
    assert size_curves(content) == ()
    assert size_sentence(content) == ""


def test_what_the_last_member_brought_is_told(make_numbers):
    content = make_numbers()

    assert [curve.members for curve in size_curves(content)] == [(1, 2, 3, 4)] * 2
    assert "The last member" in size_sentence(content)
    fall = content.evaluation.next_member.fall
    assert f"members held out, one more would bring it down by {fall:.4f} nats, scaled" in size_sentence(content)
    alone = make_numbers(held_out=False)
    assert alone.evaluation.next_member is None
    assert "held out" not in size_sentence(alone)


def test_rows_worth_a_look_are_the_most_uncertain_and_the_furthest_off(make_numbers):
    content = make_numbers(targets=("rent", "heating"))

    deviations = np.max([np.abs(rows.scaled_error) for rows in target_rows(content)], axis=0)
    assert deviations[largest_errors(content)].tolist() == sorted(deviations, reverse=True)[:12]
    assert len(set(most_uncertain(content).tolist())) == 12


def test_a_first_epoch_far_off_does_not_flatten_the_curves(make_numbers):
    loss, error = curve_panels(make_numbers(), MEASURES)

    assert loss.is_cut
    assert not error.is_cut
    assert max(tick.value for tick in loss.y_ticks) < 20
    assert loss.members[0].description.endswith("validation error 0.1833, validation loss 0.2667")
