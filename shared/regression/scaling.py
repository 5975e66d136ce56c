"""One factor for the variances of each target, fitted on held-out rows."""

import numpy as np
from numpy.typing import NDArray

#: The factor is drawn towards 1 as strongly as by so many rows that it fits: few rows may happen to be predicted well.
_PRIOR_ROWS = 10
#: An extrapolated factor is at least this share of the fitted one.
_LEAST_SHARE = 0.5


def fit_factor(scaled_errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the factors of the variances with which held-out rows are most likely, [targets].

    That is the mean of the squared errors over the variances (Laves et al. 2020, eq. 11), with ten rows of 1 added.

    Args:
        scaled_errors: [held-out rows, targets], (actual - mean) / standard deviation.
    """
    rows = len(scaled_errors)
    return np.asarray(((scaled_errors**2).sum(axis=0) + _PRIOR_ROWS) / (rows + _PRIOR_ROWS))


def extrapolate_factor(
    of_one: NDArray[np.float64], of_two: NDArray[np.float64], sizes: tuple[float, float], wanted: int
) -> NDArray[np.float64]:
    """Return the factors of an ensemble from those of two smaller ones, log-linear in 1 / members, [targets].

    The mean of more members has smaller errors, and its variance knows more of their disagreement; so it needs a
    smaller factor than the one or two members that held a row out.

    Args:
        of_one: The factors of the smaller ensemble, [targets].
        of_two: Those of the larger one, [targets].
        sizes: How many members the two have.
        wanted: How many members the ensemble has.

    Returns:
        Factors between half of `of_two` and `of_two`.
    """
    fewer, more = sizes
    slope = np.maximum(0.0, np.log(of_one / of_two) / (1 / fewer - 1 / more))
    share = np.exp(slope * (1 / wanted - 1 / more))
    return np.asarray(np.clip(share, _LEAST_SHARE, 1.0) * of_two)
