"""Predicted numbers and how far they can be trusted: normal distributions, their mixture, scores, intervals, scaling.

All of it works on NumPy arrays of network outputs, whatever engine computed them.
"""

from deepchord.shared.regression.gaussians import LEAST_VARIANCE, gaussian_losses, means_and_variances
from deepchord.shared.regression.intervals import (
    LEVELS,
    QUANTILE_LEVELS,
    conformal_half_width,
    coverage,
    normal_half_width,
    shares_below,
)
from deepchord.shared.regression.mixture import Predictions, RunningMixture
from deepchord.shared.regression.scaling import extrapolate_factor, fit_factor
from deepchord.shared.regression.scores import score_targets
from deepchord.shared.regression.standardisation import standardised, target_scales

__all__ = [
    "LEAST_VARIANCE",
    "LEVELS",
    "QUANTILE_LEVELS",
    "Predictions",
    "RunningMixture",
    "conformal_half_width",
    "coverage",
    "extrapolate_factor",
    "fit_factor",
    "gaussian_losses",
    "means_and_variances",
    "normal_half_width",
    "score_targets",
    "shares_below",
    "standardised",
    "target_scales",
]
