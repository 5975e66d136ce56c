import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.report.regression.findings import (
    error_gain_sentence,
    error_gains,
    fall_words,
    in_unit,
    loss_gain_sentence,
    overall_error,
    unit_digits,
)
from deepchord.shared.messages import Target, TargetScores


def test_the_gain_compares_the_ensemble_with_its_average_member(make_numbers):
    content = make_numbers()
    (gain,) = error_gains(content)

    errors = [member.test[0].root_mean_squared_error for member in content.evaluation.members]
    assert gain.average_member == pytest.approx(sum(errors) / 4)
    assert gain.best_member == min(errors)
    assert gain.fall == pytest.approx(1 - gain.ensemble / gain.average_member)
    assert gain.fall > 0
    assert f"{100 * gain.fall:.1f}\u00a0% lower" in error_gain_sentence(gain)
    assert "with the scaled variance" in loss_gain_sentence(content, 0)


@pytest.mark.parametrize(
    ("fall", "words"), [(0.0334, "3.3\u00a0% lower"), (-0.0334, "3.3\u00a0% higher"), (0.0001, "the same")]
)
def test_a_fall_is_said_in_words(fall, words):
    assert fall_words(fall) == words


@given(scale=st.floats(1e-12, 1e12), share=st.floats(0.1, 3))
def test_a_number_keeps_three_digits_of_its_standard_deviation(scale, share):
    target = Target(name="x", mean=0.0, scale=scale)
    value = scale * share

    read = float(in_unit(value, target).replace(",", ""))

    assert 0 <= unit_digits(target) <= 12
    assert math.isclose(read, value, abs_tol=2e-3 * scale)


def test_the_error_over_several_numbers_is_in_their_standard_deviations():
    def scores(error):
        fields = dict.fromkeys(TargetScores.model_fields, 0.0) | {"root_mean_squared_error": error}
        return TargetScores(**fields)

    targets = [Target(name="a", mean=0, scale=10), Target(name="b", mean=0, scale=0.1)]

    assert overall_error([scores(5.0), scores(0.05)], targets) == pytest.approx(0.5)
