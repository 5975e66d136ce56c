"""What the report of an ensemble that predicts classes is made of, and the facts that all its parts use."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content.ensemble_content import EnsembleContent
from deepchord.shared.checkpoints import EnsembleProbabilities
from deepchord.shared.messages import (
    EnsembleEvaluation,
    MemberEvaluation,
    ProbabilityScores,
    ShiftedScores,
    UnseenScores,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class TeacherResults:
    """How the ensemble did that the members of a distilled run learnt from."""

    run_id: str
    evaluation: EnsembleEvaluation
    #: What studies of that ensemble, and of this run, found about images of other kinds, by the name of the images, if
    #: both were asked about them.
    unseen: Mapping[str, tuple[UnseenScores, UnseenScores]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportContent(EnsembleContent):
    """An evaluated ensemble that predicts classes."""

    evaluation: EnsembleEvaluation
    probabilities: EnsembleProbabilities
    #: What a study found about images of other kinds, and about shifted test images.
    unseen: UnseenScores | None = None
    shifted: tuple[ShiftedScores, ...] = ()
    #: Of a distilled run; None: this is none, or its teacher is gone.
    teacher: TeacherResults | None = None

    @property
    def member_evaluations(self) -> dict[int, MemberEvaluation]:
        """The members' own scores, in the order of their indices."""
        return {member.index: member for member in sorted(self.evaluation.members, key=lambda member: member.index)}

    @property
    def member_scores(self) -> dict[int, ProbabilityScores]:
        """The scores of the members' own probabilities, by their indices; empty if they were not measured."""
        uncertainty = self.evaluation.uncertainty
        return {member.index: member.scores for member in uncertainty.members} if uncertainty is not None else {}

    @property
    def best_test_probabilities(self) -> NDArray[np.float32]:
        """The calibrated probabilities of the test images; the mean as it is if it is not calibrated."""
        calibrated = self.probabilities.calibrated_test
        return self.probabilities.test if calibrated is None else calibrated

    @property
    def gain_over_average(self) -> float:
        """How much higher the ensemble's test accuracy is than the members' mean, in [-1, 1]."""
        return self.evaluation.test.accuracy - self.evaluation.mean_member_accuracy

    @property
    def gain_over_best(self) -> float:
        """How much higher the ensemble's test accuracy is than the best member's, in [-1, 1]."""
        return self.evaluation.test.accuracy - self.evaluation.best_member_accuracy

    @property
    def mean_member_loss(self) -> float:
        """Mean test loss of the members alone."""
        return fmean(member.test.loss for member in self.evaluation.members)
