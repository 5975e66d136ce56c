"""How well a measure of uncertainty tells images of unknown kind from known ones; NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class DetectionScores:
    """Scores of a detector of unknown images, which are the positive class; each lies in [0, 1]."""

    #: The probability that an unknown image has the higher score than a known one; ties count one half.
    area_under_roc: float
    #: Average precision: precision at each unknown image's score, weighted with the step in recall.
    area_under_precision_recall: float
    #: The share of known images that are taken for unknown if 95 % of the unknown ones are found.
    false_positive_rate_at_95: float


def detection_scores(known: NDArray[np.floating], unknown: NDArray[np.floating]) -> DetectionScores:
    """Return how well a score separates unknown images from known ones (Hendrycks and Gimpel 2017, section 3).

    Args:
        known: [known images], a score that should be low for them; at least one.
        unknown: [unknown images], the same score, which should be high for them; at least one.
    """
    scores = np.concatenate([known, unknown]).astype(np.float64)
    is_unknown = np.arange(len(scores)) >= len(known)
    order = np.argsort(-scores, kind="stable")
    is_last = np.append(np.diff(scores[order]) != 0, True)
    found = np.cumsum(is_unknown[order])[is_last]
    taken = np.flatnonzero(is_last) + 1
    recall, precision = found / len(unknown), found / taken
    false_positives = (taken - found) / len(known)
    rates = np.concatenate([[0.0], false_positives])
    recalls = np.concatenate([[0.0], recall])
    return DetectionScores(
        area_under_roc=float((np.diff(rates) * (recalls[1:] + recalls[:-1]) / 2).sum()),
        area_under_precision_recall=float((np.diff(recalls) * precision).sum()),
        false_positive_rate_at_95=float(false_positives[np.searchsorted(recall, 0.95 - 1e-12)]),
    )
