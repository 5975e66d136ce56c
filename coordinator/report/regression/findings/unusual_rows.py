"""The test rows that are worth a look: those that the ensemble is most uncertain about, and the largest errors."""

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings.target_rows import target_rows

#: How many of each are shown.
_SHOWN = 12


def most_uncertain(content: RegressionContent) -> NDArray[np.int64]:
    """Return the test rows with the largest predicted variance, over all numbers in their standard deviations."""
    scales = np.array([target.scale for target in content.targets])
    return _largest((content.best_test.variance / scales**2).mean(axis=1))


def largest_errors(content: RegressionContent) -> NDArray[np.int64]:
    """Return the test rows whose error is the most predicted standard deviations, of any of the numbers."""
    return _largest(np.max([np.abs(rows.scaled_error) for rows in target_rows(content)], axis=0))


def _largest(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(-values, kind="stable")[:_SHOWN]
