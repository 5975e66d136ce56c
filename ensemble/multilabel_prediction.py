"""Which labels an ensemble predicts for images or rows, and how sure it is of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.rowwise import cut, freeze
from deepchord.shared.messages import LabelScores
from deepchord.shared.multilabel import score_labels


@dataclass(frozen=True, kw_only=True, eq=False)
class MultilabelPrediction:
    """Which labels apply; arrays are read-only, [rows, labels].

    Entropies are in nats, at most log(2), and those of the members' probabilities as they are; `probabilities` are
    calibrated.
    """

    #: The calibrated probability that each label applies, float32.
    probabilities: NDArray[np.float32]
    #: Whether a label is predicted: its probability is above 0.5, bool.
    applies: NDArray[np.bool_]
    #: Entropy of the mean probability, float32: the total uncertainty.
    predictive_entropy: NDArray[np.float32]
    #: Mean of the members' own entropies, float32: what more members would not remove (aleatoric).
    expected_entropy: NDArray[np.float32]
    #: The difference of both, float32: what the members disagree about (epistemic).
    mutual_information: NDArray[np.float32]
    #: The probabilities of each member as they are, float32 [members, rows, labels]; None: not asked for.
    members: NDArray[np.float32] | None = None
    #: The name of each label.
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.probabilities)

    def names(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of the labels that are predicted for each row."""
        return tuple(tuple(self.label_names[place] for place in np.flatnonzero(row)) for row in self.applies)

    def scores(self, actual: NDArray[np.integer]) -> LabelScores:
        """Return the scores of all labels together, as `deepchord.shared.multilabel.score_labels` defines them.

        Args:
            actual: [rows, labels], 1 for labels that apply and else 0.
        """
        return score_labels(self.probabilities, actual)

    def rows(self, start: int, stop: int) -> "MultilabelPrediction":
        """Return the prediction of the rows from `start` up to, not including, `stop`."""
        return cut(self, start, stop)
