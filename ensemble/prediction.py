"""What an ensemble predicts for images, and how sure it is of that."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.rowwise import cut, freeze


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What an ensemble predicts for images; the arrays are read-only, and their first axis is that of the images.

    Entropies are in nats, at most log(classes). The measures of uncertainty are those of the members' probabilities as
    they are; `probabilities` and `confidence` are calibrated.
    """

    #: Calibrated probabilities of the classes, float32 [images, classes]; each row sums to 1.
    probabilities: NDArray[np.float32]
    #: The most probable class, int64 [images].
    labels: NDArray[np.int64]
    #: The calibrated probability of that class, float32 [images].
    confidence: NDArray[np.float32]
    #: Entropy of the mean probabilities, float32 [images]: the total uncertainty.
    predictive_entropy: NDArray[np.float32]
    #: By how much it exceeds the members' own entropies, float32 [images]: what they disagree about.
    mutual_information: NDArray[np.float32]
    #: Share of the members that do not predict the class that most of them predict, float32 [images].
    disagreement: NDArray[np.float32]
    #: Whether the ensemble is not sure enough for the risk that was given, bool [images]; None: none was given.
    abstains: NDArray[np.bool_] | None = None
    #: Whether a class is in the conformal set, bool [images, classes]; None: no level was given.
    sets: NDArray[np.bool_] | None = None
    #: The probabilities of each member as they are, float32 [members, images, classes]; None: not asked for.
    members: NDArray[np.float32] | None = None
    #: The name of each class, by its index.
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, start: int, stop: int) -> "Prediction":
        """Return the prediction of the images from `start` up to, not including, `stop`."""
        return cut(self, start, stop)

    def names(self) -> tuple[str, ...]:
        """Return the name of the predicted class of each image."""
        return tuple(self.class_names[label] for label in self.labels)

    def set_names(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of the classes in each image's set.

        Raises:
            ValueError: No sets were asked for.
        """
        if self.sets is None:
            raise ValueError("There are no sets: ask for them with predict(images, sets=0.95).")
        return tuple(tuple(self.class_names[label] for label in np.flatnonzero(row)) for row in self.sets)
