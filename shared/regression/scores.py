"""Scores of predicted numbers; the arguments are in the targets' own units."""

import math

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import TargetScores
from deepchord.shared.regression.gaussians import gaussian_losses
from deepchord.shared.regression.mixture import Predictions


def score_targets(predictions: Predictions, actual: NDArray[np.floating]) -> tuple[TargetScores, ...]:
    """Return the scores of each target.

    - `root_mean_squared_error` and `mean_absolute_error` of the means;
    - `r_squared`: 1 - the sum of squared errors / that of the deviations from the mean of the actual numbers;
    - `negative_log_likelihood`: of the normal distribution with the predicted mean and variance, in nats;
    - `continuous_ranked_probability_score`: of the same distribution (Gneiting and Raftery 2007, eq. 21), 0 at best.

    Args:
        predictions: Of at least one row.
        actual: [size, targets].
    """
    errors = actual - predictions.mean
    squared, absolute = (errors**2).mean(axis=0), np.abs(errors).mean(axis=0)
    around_mean = ((actual - actual.mean(axis=0)) ** 2).mean(axis=0)
    losses = gaussian_losses(predictions.mean, predictions.variance, actual).mean(axis=0)
    ranked = _ranked_probability_scores(errors, predictions.standard_deviation).mean(axis=0)
    return tuple(
        TargetScores(
            root_mean_squared_error=math.sqrt(squared[target]),
            mean_absolute_error=float(absolute[target]),
            r_squared=1 - float(squared[target] / around_mean[target]) if around_mean[target] > 0 else None,
            negative_log_likelihood=float(losses[target]),
            continuous_ranked_probability_score=max(0.0, float(ranked[target])),
        )
        for target in range(actual.shape[1])
    )


def _ranked_probability_scores(errors: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr

    scaled = errors / deviations
    density = np.exp(-0.5 * scaled**2) / math.sqrt(2 * math.pi)
    return np.asarray(deviations * (scaled * (2 * ndtr(scaled) - 1) + 2 * density - 1 / math.sqrt(math.pi)))
