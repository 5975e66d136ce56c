"""One temperature for the mean probabilities of an ensemble: applied, fitted, extrapolated; NumPy only."""

import numpy as np
from numpy.typing import NDArray

#: Smaller probabilities count as this: zero has no logarithm.
SMALLEST = 1e-12
#: A temperature is searched between these: at the ends the probabilities are about uniform, or about certain.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.02, 50.0
#: How strongly a fitted temperature is drawn towards 1: as strongly as by a Gamma distribution of 1 / temperature with
#: this rate and mode 1, whose standard deviation is about a half. It decides for some ten images, not for thousands.
_PRIOR_RATE = 4.0
#: How exactly a temperature is found, relative to itself, and in how many steps at most; most take six.
_PRECISION, _MOST_STEPS = 1e-9, 100
#: How many images are handled at a time.
_ROWS = 16_384


def with_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return softmax(log p / temperature) for each row, float32 [images, classes].

    The most probable class of each row stays the most probable one. Of an ensemble, scale the mean, not the members:
    "pool, then calibrate" (Rahaman and Thiery 2021, arXiv 2007.08792).

    Args:
        probabilities: [images, classes]; each row sums to 1. Values below 1e-12 count as 1e-12.
        temperature: Above 1 makes the probabilities less certain, below 1 more certain.
    """
    scaled = np.empty(probabilities.shape, dtype=np.float32)
    for start in range(0, len(probabilities), _ROWS):
        rows = slice(start, start + _ROWS)
        scaled[rows] = _softmax(_logarithms(probabilities[rows]) / temperature)
    return with_same_prediction(scaled, probabilities.argmax(axis=1))


def fit_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the most probable temperature, given these images (Guo et al. 2017, section 4.2; with a prior).

    That is nearly the one with the lowest negative log-likelihood, where there are many images. Of few images all may
    happen to be right, which alone would ask for certainty; so 1 / temperature has a Gamma prior with its mode at 1.
    The result lies between 0.02 and 50; of probabilities that no temperature improves, because all are equal, it is 1.

    Args:
        probabilities: [images, classes]; each row sums to 1. At least one image.
        labels: [images], class indices.
    """
    logarithms = _logarithms(probabilities)
    # The loss is convex in 1 / temperature, so its slope changes its sign once: Newton's method, kept between bounds.
    low, high, inverse = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE, 1.0
    for _ in range(_MOST_STEPS):
        slope, curvature = _derivatives(logarithms, labels, inverse)
        slope += _PRIOR_RATE * (1 - 1 / inverse)
        curvature += _PRIOR_RATE / inverse**2
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        wanted = inverse - slope / curvature
        following = wanted if low <= wanted <= high else (low * high) ** 0.5
        if abs(following - inverse) <= _PRECISION * inverse:
            break
        inverse = following
    return 1 / inverse


def extrapolate_temperature(
    fitted: float, sizes: tuple[float, int], *, of_parts: tuple[float, float], parts: tuple[float, float]
) -> float:
    """Return the temperature of an ensemble from that of a smaller one; its logarithm is linear in 1 / members.

    The mean of more members is less certain, by about 1 / members; so it needs a lower temperature, never a higher one.
    How much lower is read off two ensembles of other sizes that have predicted the same images.

    Args:
        fitted: The temperature of the smaller ensemble.
        sizes: How many members it has, in the harmonic mean over its images, and how many the ensemble itself has.
        of_parts: The temperatures of the other two.
        parts: How many members these have, in the same mean; the first has fewer.

    Returns:
        A temperature within the bounds of `fit_temperature`.
    """
    (own, wanted), (fewer, more) = sizes, parts
    slope = max(0.0, float(np.log(of_parts[0] / of_parts[1]))) / (1 / fewer - 1 / more)
    extrapolated = fitted * np.exp(slope * (1 / wanted - 1 / own))
    return float(np.clip(extrapolated, LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE))


def _derivatives(logarithms: NDArray[np.float64], labels: NDArray[np.integer], inverse: float) -> tuple[float, float]:
    """Return the first and the second derivative of the summed loss by 1 / temperature."""
    slope = curvature = 0.0
    for start in range(0, len(labels), _ROWS):
        part, actual = logarithms[start : start + _ROWS], labels[start : start + _ROWS]
        weighted = _softmax(part * inverse) * part
        expected = weighted.sum(axis=1)
        slope += float((expected - part[np.arange(len(actual)), actual]).sum())
        curvature += float(((weighted * part).sum(axis=1) - expected**2).sum())
    return slope, curvature


def _logarithms(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.log(np.clip(probabilities.astype(np.float64), SMALLEST, 1.0))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def with_same_prediction(scaled: NDArray[np.float32], predicted: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the rows; where rounding moved the argmax away from `predicted`, raise the value at `predicted`."""
    changed = np.flatnonzero(scaled.argmax(axis=1) != predicted)
    scaled[changed, predicted[changed]] = np.nextafter(scaled[changed].max(axis=1), np.float32(2))
    return scaled
