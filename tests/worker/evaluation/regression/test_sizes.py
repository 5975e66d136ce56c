"""Smaller ensembles that predict numbers are scored, however far a test row lies."""

import numpy as np
import pytest

from deepchord.worker.evaluation.regression.sizes import RegressionSizes


def test_a_test_row_far_from_all_others_leaves_finite_scores():
    sizes = RegressionSizes(np.array([[0.0], [1e30]]))
    for member in range(3):
        sizes.add(np.full((2, 2), member, dtype=np.float32))

    found = sizes.result()

    assert [each.members for each in found] == [1, 2, 3]
    assert found[-1].root_mean_squared_error == pytest.approx(1e30 / np.sqrt(2))
    assert np.isfinite(found[-1].negative_log_likelihood)
