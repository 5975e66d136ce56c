"""A monotone map of confidence: how often answers of each confidence are right; SciPy fits it, NumPy applies it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.uncertainty.temperature import with_same_prediction

#: Confidences are kept below 1 by this, so that no loss is infinite.
MARGIN = 1e-6
#: Smaller probabilities count as this: if the other classes of an image have none, they share evenly.
SMALLEST_SHARE = 1e-30


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfidenceMap:
    """A piecewise linear, increasing function from [0, 1] to itself, given by its knots."""

    #: [knots], increasing, from 0 to 1.
    confidences: NDArray[np.float64]
    #: [knots], increasing: the share of right answers at these confidences.
    accuracies: NDArray[np.float64]

    def __call__(self, confidence: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the share of right answers at each confidence, [images]."""
        return np.asarray(np.interp(confidence.astype(np.float64), self.confidences, self.accuracies))

    def knots(self) -> tuple[tuple[float, float], ...]:
        """Return the knots as pairs."""
        return tuple(zip(self.confidences.tolist(), self.accuracies.tolist(), strict=True))


def fit_confidence_map(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> ConfidenceMap:
    """Return how often answers are right, by their confidence: centered isotonic regression (Oron and Flournoy 2017).

    Isotonic regression (Zadrozny and Elkan 2002) pools images of neighbouring confidences into blocks, so that the
    share of right answers never falls. Each block gives a knot at its mean confidence, and a block whose answers are
    all right or all wrong counts as if half an answer more were otherwise. Between knots the map is linear, so it
    increases everywhere, and images keep their order. At confidence 0 it has half of the first block's share; at
    confidence 1 it lies half the way from the last block's share to 1.

    Args:
        probabilities: [images, classes]; each row sums to 1. At least one image.
        labels: [images], class indices.
    """
    from scipy.optimize import isotonic_regression  # half a second, which commands without it spare

    confidence = np.minimum(probabilities.max(axis=1).astype(np.float64), 1.0)
    is_right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    values, places, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    right = np.bincount(places, weights=is_right)
    pooled = isotonic_regression(right / counts, weights=counts)
    starts = pooled.blocks[:-1]
    images = np.add.reduceat(counts, starts)
    centers = np.add.reduceat(values * counts, starts) / images
    # No block is certain, however all of its answers are: half an answer may be otherwise.
    certain = 0.5 / (images + 1)
    shares = np.clip(np.add.reduceat(right, starts) / images, certain, 1 - certain)
    # That may turn two small blocks around: those that are not above all before them are left out.
    rises = np.concatenate([[True], shares[1:] > np.maximum.accumulate(shares)[:-1]])
    centers, shares = centers[rises], shares[rises]
    return ConfidenceMap(
        confidences=np.concatenate([[0.0], np.clip(centers, 1e-9, 1 - 1e-9), [1.0]]),
        accuracies=np.concatenate([[shares[0] / 2], shares, [(1 + shares[-1]) / 2]]),
    )


def with_confidence(probabilities: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return probabilities whose predicted classes have other confidences, float32 [images, classes].

    The other classes of an image keep their shares of what is left. The predicted class stays the most probable one:
    if the wanted confidence is too low for that, the predicted class gets the same probability as the second one.

    Args:
        probabilities: [images, classes], at least two; each row sums to 1.
        confidence: [images], the wanted probability of the predicted class.
    """
    values = np.maximum(probabilities.astype(np.float64), SMALLEST_SHARE)
    rows, predicted = np.arange(len(values)), values.argmax(axis=1)
    rest = values.copy()
    rest[rows, predicted] = 0.0
    left, second = rest.sum(axis=1), rest.max(axis=1)
    wanted = np.clip(np.maximum(confidence, second / (second + left)), 0.0, 1 - MARGIN)
    changed = rest * ((1 - wanted) / left)[:, None]
    changed[rows, predicted] = wanted
    return with_same_prediction(changed.astype(np.float32), predicted)
