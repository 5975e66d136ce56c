"""How uncertain an ensemble is about each label: binary entropies and their difference; NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelUncertainty:
    """Measures of uncertainty, one number for each row and label, in nats; each array is float32 [size, labels]."""

    #: Entropy of the mean probability: the total uncertainty.
    predictive_entropy: NDArray[np.float32]
    #: Mean of the members' entropies: what more members would not remove (aleatoric).
    expected_entropy: NDArray[np.float32]

    @property
    def mutual_information(self) -> NDArray[np.float32]:
        """Predictive minus expected entropy: what the members disagree about (epistemic)."""
        return np.asarray(np.maximum(np.float32(0), self.predictive_entropy - self.expected_entropy))


class RunningLabels:
    """Accumulates members, one member's probabilities in memory at a time."""

    def __init__(self, size: int, labels: int) -> None:
        self._sums = np.zeros((2, size, labels), dtype=np.float64)
        self._members = 0

    def add(self, probabilities: NDArray[np.floating]) -> None:
        """Add one member's probabilities, [size, labels]."""
        self._sums[0] += probabilities
        self._sums[1] += binary_entropy(probabilities)
        self._members += 1

    def mean(self) -> NDArray[np.float32]:
        """Return the mean probabilities of the members so far, float32 [size, labels]."""
        return np.asarray(self._sums[0] / self._members, dtype=np.float32)

    def result(self) -> LabelUncertainty:
        """Return the measures of the members so far, at least one."""
        mean, expected = self._sums / self._members
        return LabelUncertainty(
            predictive_entropy=binary_entropy(mean).astype(np.float32), expected_entropy=expected.astype(np.float32)
        )


def binary_entropy(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return -p log p - (1 - p) log(1 - p) in nats, of the same shape; 0 and 1 have none."""
    applies = np.clip(probabilities.astype(np.float64), 0.0, 1.0)
    entropies = np.zeros(applies.shape)
    for values in (applies, 1 - applies):
        logarithms = np.log(values, out=np.zeros(values.shape), where=values > 0)
        entropies -= values * logarithms
    return np.maximum(0.0, entropies)
