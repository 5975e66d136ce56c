import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from deepchord.shared.uncertainty import detection_scores

SCORES = st.lists(st.integers(0, 12), min_size=1, max_size=50)


@given(known=SCORES, unknown=SCORES)
def test_detection_agrees_with_scikit_learn_also_with_ties(known: list[int], unknown: list[int]):
    found = detection_scores(np.array(known), np.array(unknown))
    labels = [0] * len(known) + [1] * len(unknown)
    false_positives, true_positives, _ = roc_curve(labels, known + unknown, drop_intermediate=False)

    assert found.area_under_roc == pytest.approx(roc_auc_score(labels, known + unknown), abs=1e-6)
    assert found.area_under_precision_recall == pytest.approx(
        average_precision_score(labels, known + unknown), abs=1e-6
    )
    expected = false_positives[true_positives >= 0.95 - 1e-12].min()
    assert found.false_positive_rate_at_95 == pytest.approx(expected, abs=1e-6)


def test_who_separates_perfectly_has_no_false_positives():
    found = detection_scores(np.array([0.1, 0.2]), np.array([0.3, 0.9]))

    assert (found.area_under_roc, found.area_under_precision_recall, found.false_positive_rate_at_95) == (1, 1, 0)
