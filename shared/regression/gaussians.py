"""The outputs of a network as normal distributions of standardised targets, and their loss."""

import math

import numpy as np
from numpy.typing import NDArray

#: Added to every variance, so that no network can be certain without end (Lakshminarayanan et al. 2017, section 2.2.1).
LEAST_VARIANCE = 1e-6

_LOG_2_PI = math.log(2 * math.pi)


def means_and_variances(outputs: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means and the variances that a network's outputs stand for, each float64 [size, targets].

    Args:
        outputs: [size, 2 targets]: the means of all targets, and then for each the s of variance log(1 + exp(s)) +
        1e-6.
    """
    targets = outputs.shape[1] // 2
    means, raw = outputs[:, :targets].astype(np.float64), outputs[:, targets:].astype(np.float64)
    return means, np.logaddexp(0.0, raw) + LEAST_VARIANCE


def gaussian_losses(
    means: NDArray[np.float64], variances: NDArray[np.float64], actual: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the negative log-likelihood of each actual number in nats, float64 [size, targets].

    Nix and Weigend 1994; Lakshminarayanan et al. 2017, eq. 1, with the constant.

    Args:
        means: [size, targets].
        variances: [size, targets], above 0.
        actual: [size, targets], in the unit of the means.
    """
    return np.asarray(0.5 * (np.log(variances) + (actual - means) ** 2 / variances + _LOG_2_PI))
