"""How uncertain an ensemble is about each image: entropies, their difference, disagreement; NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageUncertainty:
    """Measures of uncertainty, one number per image; each array is float32 [images].

    Entropies are in nats; `share_of_maximum` divides them by the largest possible one, log(classes).
    """

    #: The probability of the predicted class.
    confidence: NDArray[np.float32]
    #: Entropy of the mean probabilities: the total uncertainty.
    predictive_entropy: NDArray[np.float32]
    #: Mean of the members' entropies: what remains if one member is right about its own uncertainty.
    expected_entropy: NDArray[np.float32]
    #: Predictive minus expected entropy: what the members disagree about (Depeweg et al. 2018, eq. 4; Houlsby et al.
    #: 2011, eq. 1).
    mutual_information: NDArray[np.float32]
    #: Share of the members that do not predict the class that most of them predict (variation ratio; Freeman 1965).
    disagreement: NDArray[np.float32]


class RunningUncertainty:
    """Accumulates the measures over members, one member's probabilities in memory at a time."""

    def __init__(self, images: int, classes: int) -> None:
        self._sum = np.zeros((images, classes), dtype=np.float64)
        self._entropies = np.zeros(images, dtype=np.float64)
        self._votes = np.zeros((images, classes), dtype=np.int32)
        self._members = 0

    def add(self, probabilities: NDArray[np.floating]) -> None:
        """Add one member's probabilities [images, classes]."""
        self._sum += probabilities
        self._entropies += entropy(probabilities)
        self._votes[np.arange(len(probabilities)), probabilities.argmax(axis=1)] += 1
        self._members += 1

    def mean(self) -> NDArray[np.float32]:
        """Return the mean probabilities of the members so far, float32 [images, classes]."""
        return np.asarray(self._sum / self._members, dtype=np.float32)

    def result(self) -> ImageUncertainty:
        """Return the measures of the members so far, at least one."""
        mean = self._sum / self._members
        predictive, expected = entropy(mean), self._entropies / self._members
        return ImageUncertainty(
            confidence=mean.max(axis=1).astype(np.float32),
            predictive_entropy=predictive.astype(np.float32),
            expected_entropy=expected.astype(np.float32),
            # Below zero only by rounding: entropy is concave.
            mutual_information=np.maximum(0.0, predictive - expected).astype(np.float32),
            disagreement=(1 - self._votes.max(axis=1) / self._members).astype(np.float32),
        )


def entropy(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the entropy of each row in nats, [images].

    Args:
        probabilities: [images, classes]; zero counts as zero.
    """
    values = np.maximum(probabilities.astype(np.float64), 0.0)
    logarithms = np.log(values, out=np.zeros_like(values), where=values > 0)
    return np.asarray(np.maximum(0.0, -(values * logarithms).sum(axis=1)))


def share_of_maximum(entropies: NDArray[np.floating], classes: int) -> NDArray[np.float64]:
    """Return entropies [images] in nats as shares of the largest possible one, log(classes)."""
    return np.asarray(entropies / np.log(classes), dtype=np.float64)
