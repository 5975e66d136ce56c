import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.uncertainty import (
    abstention_threshold,
    area_under_generalized_risk,
    area_under_risk_coverage,
    risk_coverage,
)

ANSWERS = st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=60)


def arrays(answers: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    confidence, is_right = zip(*answers, strict=True)
    return np.array(confidence) / 10, np.array(is_right)


@given(answers=ANSWERS, seed=st.integers(0, 100))
def test_the_order_of_images_changes_nothing(answers: list[tuple[int, bool]], seed: int):
    confidence, is_right = arrays(answers)
    order = np.random.default_rng(seed).permutation(len(answers))

    np.testing.assert_allclose(
        risk_coverage(confidence[order], is_right[order]), risk_coverage(confidence, is_right), atol=1e-9
    )
    assert abstention_threshold(confidence[order], is_right[order], 0.2) == abstention_threshold(
        confidence, is_right, 0.2
    )


@given(answers=ANSWERS)
def test_the_last_risk_is_that_of_all_answers(answers: list[tuple[int, bool]]):
    confidence, is_right = arrays(answers)

    assert risk_coverage(confidence, is_right)[-1] == pytest.approx(1 - is_right.mean())
    area, generalized = (
        area_under_risk_coverage(confidence, is_right),
        area_under_generalized_risk(confidence, is_right),
    )
    assert 0 <= generalized <= area <= 1


@given(answers=ANSWERS, risk=st.floats(0.001, 0.999))
def test_a_threshold_answers_the_most_images_that_keep_the_risk(answers: list[tuple[int, bool]], risk: float):
    confidence, is_right = arrays(answers)
    threshold = abstention_threshold(confidence, is_right, risk)
    risks = {each: float((~is_right[confidence >= each]).mean()) for each in np.unique(confidence)}
    keeping = [each for each, found in risks.items() if found <= risk]

    assert threshold == (min(keeping) if keeping else None)


def test_areas_have_their_closed_forms():
    confidence = np.arange(10, 0, -1) / 10
    perfect, worst = np.arange(10) < 8, np.arange(10) >= 2

    # Two of ten are wrong and come last: risks 0 … 0, 1/9, 2/10; or first: 1, 1, 2/3, 2/4 …
    assert area_under_risk_coverage(confidence, perfect) == pytest.approx((1 / 9 + 2 / 10) / 10)
    assert area_under_risk_coverage(confidence, worst) == pytest.approx((2 + sum(2 / k for k in range(3, 11))) / 10)
    assert area_under_generalized_risk(confidence, perfect) == pytest.approx((1 + 2) / 100)
    constant = np.full(10, 0.5)
    np.testing.assert_allclose(risk_coverage(constant, perfect), 0.2)
