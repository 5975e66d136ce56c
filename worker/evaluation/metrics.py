"""Metrics of predicted probabilities, in NumPy: no engine is needed."""

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import BalancedScores, Misclassified, Scores
from deepchord.shared.uncertainty import accuracy, area_under_roc, class_scores, negative_log_likelihood


class RunningMean:
    """The mean of the members' probabilities, one member in memory at a time.

    Averaged softmax outputs: Lakshminarayanan, Pritzel and Blundell 2017, "Simple and Scalable Predictive
    Uncertainty Estimation using Deep Ensembles", eq. 3.
    """

    def __init__(self, size: int, classes: int) -> None:
        self._sum = np.zeros((size, classes), dtype=np.float64)
        self._members = 0

    def add(self, probabilities: NDArray[np.float32]) -> None:
        """Add one member's probabilities [size, classes] to the mean."""
        self._sum += probabilities
        self._members += 1

    def mean(self) -> NDArray[np.float32]:
        """Return the mean so far, float32 [size, classes]."""
        return (self._sum / self._members).astype(np.float32)


def score(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> Scores:
    """Return mean cross-entropy (nats) and accuracy.

    Args:
        probabilities: [size, classes]; each row sums to 1.
        labels: [size], class indices.
    """
    return Scores(loss=negative_log_likelihood(probabilities, labels), accuracy=accuracy(probabilities, labels))


def confusion(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the confusion matrix [classes, classes]: rows are actual classes, columns predicted ones.

    Args:
        probabilities: [size, classes].
        labels: [size], class indices.
    """
    counts = np.zeros((probabilities.shape[1],) * 2, dtype=np.int64)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1)
    return counts


def balanced(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> BalancedScores:
    """Return the scores in which every class counts the same.

    Args:
        probabilities: [size, classes], of at least one image.
        labels: [size], class indices.
    """
    scores = class_scores(confusion(probabilities, labels))
    return BalancedScores(
        balanced_accuracy=scores.balanced_accuracy,
        macro_f1=scores.macro_f1,
        area_under_roc=area_under_roc(probabilities, labels),
    )


def misclassified(
    probabilities: NDArray[np.float32], labels: NDArray[np.integer], limit: int = 50
) -> tuple[Misclassified, ...]:
    """Return the first `limit` images, in their order, whose most probable class is not the actual one."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)[:limit]
    return tuple(
        Misclassified(
            test_index=int(index),
            actual=int(labels[index]),
            predicted=int(predicted[index]),
            predicted_probability=_share(probabilities[index, predicted[index]]),
            actual_probability=_share(probabilities[index, labels[index]]),
        )
        for index in wrong
    )


def _share(probability: np.floating) -> float:
    """Return a probability within [0, 1]: a float32 softmax may be a little outside, due to rounding."""
    return min(1.0, max(0.0, float(probability)))
