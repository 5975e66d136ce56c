"""One temperature for the mean probabilities of all labels, and the bins of a reliability diagram; NumPy only."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import LabelBin
from deepchord.shared.uncertainty import BINS, fit_temperature, width_bins, with_temperature


def with_label_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return sigmoid(logit(p) / temperature), float32 [size, labels]; no probability crosses 0.5.

    Args:
        probabilities: [size, labels], the mean of the members.
        temperature: Above 1 makes the probabilities less certain, below 1 more certain.
    """
    scaled = with_temperature(_pairs(probabilities), temperature)
    return scaled[:, 1].reshape(probabilities.shape)


def fit_label_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the temperature that fits these probabilities best, all labels together; see `fit_temperature`.

    Args:
        probabilities: [size, labels]. At least one row.
        labels: [size, labels], 1 for labels that apply and else 0.
    """
    return fit_temperature(_pairs(probabilities), labels.reshape(-1).astype(np.int64))


def label_bins(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> tuple[LabelBin, ...]:
    """Return how often labels apply by their probability, in 15 bins of equal width; those that hold none are left out.

    Args:
        probabilities: [size, labels].
        labels: [size, labels], 1 for labels that apply and else 0.
    """
    values, actual = probabilities.reshape(-1).astype(np.float64), labels.reshape(-1)
    bins = width_bins(values)
    counts = np.bincount(bins, minlength=BINS)
    predicted = np.bincount(bins, weights=values, minlength=BINS)
    observed = np.bincount(bins, weights=actual, minlength=BINS)
    return tuple(
        LabelBin(
            probabilities=int(counts[place]),
            mean_probability=min(1.0, float(predicted[place] / counts[place])),
            applying=float(observed[place] / counts[place]),
        )
        for place in np.flatnonzero(counts)
    )


def _pairs(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each probability as those of two classes, [size * labels, 2]: it does not apply, it does."""
    applies = probabilities.reshape(-1).astype(np.float64)
    return np.stack([1 - applies, applies], axis=1)
