"""The test rows that are worth a look: the most uncertain ones, and the least expected labels."""

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.multilabel.content import MultilabelContent

#: How many of each are shown.
_SHOWN = 12


def most_uncertain(content: MultilabelContent) -> NDArray[np.int64]:
    """Return the test rows with the largest entropy, summed over the labels."""
    return _largest(content.probabilities.test_uncertainty.predictive_entropy.sum(axis=1, dtype=np.float64))


def most_surprising(content: MultilabelContent) -> NDArray[np.int64]:
    """Return the test rows with a label whose probability is the furthest from what is the case."""
    return _largest(np.abs(content.best_test.astype(np.float64) - content.dataset.y_test).max(axis=1))


def _largest(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(-values, kind="stable")[:_SHOWN]
