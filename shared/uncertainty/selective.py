"""Selective prediction: answer the images with enough confidence only, and be wrong less often; NumPy only."""

import numpy as np
from numpy.typing import NDArray


def risk_coverage(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of wrong answers if the k most confident images are answered, for k = 1 to all, [images].

    The wrong answers among images of equal confidence are spread evenly over their places, whose order is arbitrary.

    Args:
        confidence: [images]; any measure that grows with certainty.
        is_right: [images], whether the prediction is right.
    """
    return _wrong_so_far(confidence, is_right) / np.arange(1, len(confidence) + 1)


def area_under_risk_coverage(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> float:
    """Return the mean of the risks over all coverages (AURC; Geifman, Uziel and El-Yaniv 2019, eq. 3).

    For arguments see `risk_coverage`.
    """
    return float(risk_coverage(confidence, is_right).mean())


def area_under_generalized_risk(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> float:
    """Return the mean over all coverages of the share of images that are answered and wrong (AUGRC; Traub et al. 2024).

    For arguments see `risk_coverage`.
    """
    images = len(confidence)
    return float(_wrong_so_far(confidence, is_right).mean() / images)


def abstention_threshold(confidence: NDArray[np.floating], is_right: NDArray[np.bool_], risk: float) -> float | None:
    """Return the lowest confidence from which on at most this share of the answers is wrong.

    Args:
        confidence: [images], of calibration images.
        is_right: [images], whether the prediction is right.
        risk: The share of answers that may be wrong, between 0 and 1.

    Returns:
        The threshold, one of the confidences; None if no threshold reaches the risk.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    risks = np.cumsum(~is_right[order]) / np.arange(1, len(order) + 1)
    # A threshold between images of equal confidence is impossible: only the last of them counts.
    is_last = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)
    possible = np.flatnonzero(is_last & (risks <= risk))
    return float(sorted_confidence[possible[-1]]) if len(possible) else None


def _wrong_so_far(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many of the k most confident images are wrong; equal confidences share their wrong ones evenly."""
    order = np.argsort(-confidence, kind="stable")
    _, group, sizes = np.unique(-confidence[order], return_inverse=True, return_counts=True)
    wrong = np.bincount(group, weights=~is_right[order])
    return np.cumsum(wrong[group] / sizes[group])
