"""What the report of an ensemble that predicts labels is made of, and the facts that all its parts use."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import EnsembleContent
from deepchord.shared.checkpoints import EnsembleLabels
from deepchord.shared.messages import MultilabelEvaluation, MultilabelMember


@dataclass(frozen=True, kw_only=True, eq=False)
class MultilabelContent(EnsembleContent):
    """An evaluated ensemble that predicts which labels apply."""

    evaluation: MultilabelEvaluation
    probabilities: EnsembleLabels

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels."""
        return self.dataset.label_names

    @property
    def member_evaluations(self) -> dict[int, MultilabelMember]:
        """The members' own scores, in the order of their indices."""
        return {member.index: member for member in sorted(self.evaluation.members, key=lambda member: member.index)}

    @property
    def best_test(self) -> NDArray[np.float32]:
        """The probabilities of the test rows, calibrated if that was possible, [test_size, labels]."""
        return self.probabilities.best_test

    def average_member(self, score: str) -> float:
        """Return the mean of a score of the members on the test rows, by the name of its field."""
        return fmean(getattr(member.test, score).value for member in self.evaluation.members)

    def best_member(self, score: str) -> float:
        """Return the lowest value of a score that any member has on the test rows."""
        return min(float(getattr(member.test, score).value) for member in self.evaluation.members)
