"""Intervals around predicted numbers: how wide they must be, and how often they hold the actual number."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

#: The probabilities with which intervals are to contain the actual number.
LEVELS = (0.5, 0.8, 0.9, 0.95)
#: The quantiles whose calibration is measured.
QUANTILE_LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))


def normal_half_width(level: float) -> float:
    """Return half the width, in standard deviations, of the central interval of a normal distribution."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def conformal_half_width(deviations: NDArray[np.float64], level: float) -> float | None:
    """Return half the width, in predicted standard deviations, that intervals need.

    Split conformal prediction with errors over predicted deviations as scores (Lei et al. 2018, section 5.2): where
    held-out and later rows are exchangeable, an interval contains the actual number with at least the wanted
    probability.

    Args:
        deviations: [held-out rows], |actual - mean| / standard deviation.
        level: The wanted probability, between 0 and 1.

    Returns:
        The half width; None if there are too few rows for one: the interval then holds every number.
    """
    # Rounded first: 0.9 * 10 must not become 9.000000000000002.
    rank = int(np.ceil(np.round((len(deviations) + 1) * level, 9)))
    return None if rank > len(deviations) else float(np.partition(deviations, rank - 1)[rank - 1])


def coverage(deviations: NDArray[np.float64], half_width: float | None) -> float:
    """Return the share of rows whose interval contains the actual number.

    Args:
        deviations: [rows], |actual - mean| / standard deviation.
        half_width: In standard deviations; None: without bounds.
    """
    return 1.0 if half_width is None else float((deviations <= half_width).mean())


def shares_below(scaled_errors: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return for each target how often actual numbers lie below a quantile of the predicted normal distributions.

    Args:
        scaled_errors: [rows, targets], (actual - mean) / standard deviation.
        level: The quantile's level, between 0 and 1.
    """
    return np.asarray((scaled_errors <= NormalDist().inv_cdf(level)).mean(axis=0))
