"""Scores of predicted probabilities: losses, calibration errors, and their bins; only intervals need SciPy."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import ProbabilityScores, ReliabilityBin
from deepchord.shared.uncertainty.bootstrap import Contributions, estimates

#: Smaller probabilities count as this: a probability of zero has an infinite loss. Keras clips at the same value.
SMALLEST_PROBABILITY = 1e-7
#: Bins of the calibration errors; Guo et al. 2017 take as many.
BINS = 15

_NAMES = (
    "accuracy",
    "negative_log_likelihood",
    "brier_score",
    "expected_calibration_error",
    "adaptive_calibration_error",
    "classwise_calibration_error",
)


def score_probabilities(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], seed: int = 0
) -> ProbabilityScores:
    """Return all scores of probabilities, each with its bootstrap interval.

    - `negative_log_likelihood`: the mean of -log p(actual class), in nats.
    - `brier_score`: the mean of the squared distance between the probabilities and the actual class, summed over the
      classes (Brier 1950, eq. 2); 0 is perfect, 2 the worst.
    - `expected_calibration_error`: 15 bins of equal width of the confidence; the mean of |accuracy - confidence| over
      the bins, weighted with their images (Naeini et al. 2015; Guo et al. 2017, eq. 3).
    - `adaptive_calibration_error`: the same, with bins that hold equally many images (Nguyen and O'Connor 2015).
    - `classwise_calibration_error`: the same with bins of equal width for the probability of each class instead of the
      predicted one, averaged over the classes (Kull et al. 2019, eq. 3; Nixon et al. 2019 call it static).

    Args:
        probabilities: [images, classes]; each row sums to 1. At least one image.
        labels: [images], class indices.
        seed: Decides the bootstrap's samples.
    """
    values = estimates(_contributions(probabilities, labels), seed)
    return ProbabilityScores.model_validate(dict(zip(_NAMES, values, strict=True)))


def accuracy(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the share of images whose most probable class is the actual one; arguments as in `score_probabilities`."""
    return float(_is_right(probabilities, labels).mean())


def negative_log_likelihood(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean negative log-likelihood in nats; see `score_probabilities`."""
    return float(_losses(probabilities, labels).mean())


def expected_calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the expected calibration error, from 0 to 1; see `score_probabilities`."""
    confidence = np.minimum(probabilities.max(axis=1).astype(np.float64), 1.0)
    gaps = confidence - _is_right(probabilities, labels)
    return float(np.abs(np.bincount(width_bins(confidence), weights=gaps)).sum() / len(labels))


def reliability_bins(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> tuple[ReliabilityBin, ...]:
    """Return the bins of the expected calibration error that hold images, from low to high confidence."""
    confidence, is_right = (
        np.minimum(probabilities.max(axis=1).astype(np.float64), 1.0),
        _is_right(probabilities, labels),
    )
    bins = width_bins(confidence)
    images = np.bincount(bins, minlength=BINS)
    confidences = np.bincount(bins, weights=confidence, minlength=BINS)
    right = np.bincount(bins, weights=is_right, minlength=BINS)
    return tuple(
        ReliabilityBin(
            images=int(images[place]),
            mean_confidence=min(1.0, confidences[place] / images[place]),
            accuracy=right[place] / images[place],
        )
        for place in np.flatnonzero(images)
    )


def width_bins(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return which of 15 bins of equal width each value is in, from 0; a bin holds its upper edge, the first also 0."""
    return np.clip(np.ceil(values.astype(np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _contributions(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Contributions:
    """Return what each image contributes to each score, in the order of `_NAMES`."""
    probabilities = probabilities.astype(np.float64)
    classes = probabilities.shape[1]
    confidence, is_right = probabilities.max(axis=1), _is_right(probabilities, labels)
    gap = confidence - is_right
    actual = labels[:, None] == np.arange(classes)
    of_class = width_bins(probabilities) + BINS * np.arange(classes)
    return Contributions(
        means=(
            is_right.astype(np.float64),
            _losses(probabilities, labels),
            _squared_distances(probabilities, labels),
        ),
        binned=(
            (width_bins(confidence)[:, None], gap[:, None]),
            (_mass_bins(confidence)[:, None], (confidence - _share_right(confidence, is_right))[:, None]),
            (of_class, probabilities - actual),
        ),
    )


def _is_right(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    return np.asarray(probabilities.argmax(axis=1) == labels)


def _losses(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    of_actual = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(np.maximum(0.0, -np.log(np.clip(of_actual, SMALLEST_PROBABILITY, 1.0))))


def _squared_distances(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    actual = labels[:, None] == np.arange(probabilities.shape[1])
    return np.asarray(np.square(probabilities.astype(np.float64) - actual).sum(axis=1))


def _mass_bins(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the bin of each image, in bins of equally many images."""
    bins = np.empty(len(confidence), dtype=np.int64)
    bins[np.argsort(confidence, kind="stable")] = np.arange(len(confidence)) * BINS // len(confidence)
    return bins


def _share_right(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of right images among those of the same confidence: which bin each falls in is chance."""
    _, group, sizes = np.unique(confidence, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(group, weights=is_right) / sizes)[group])
