"""What the report of an ensemble that predicts numbers is made of, and the facts that all its parts use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from deepchord.coordinator.report.content import EnsembleContent
from deepchord.shared.checkpoints import EnsemblePredictions
from deepchord.shared.messages import (
    RegressionEvaluation,
    RegressionMember,
    ShiftedNumbers,
    Target,
    TargetScores,
    UnseenNumbers,
)
from deepchord.shared.regression import Predictions


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberTeacher:
    """How the ensemble did that the members of a distilled run learnt from."""

    run_id: str
    evaluation: RegressionEvaluation
    #: What studies of that ensemble, and of this run, found about images or rows unlike the training, by their name, if
    #: both were asked about them.
    unseen: Mapping[str, tuple[UnseenNumbers, UnseenNumbers]]


@dataclass(frozen=True, kw_only=True, eq=False)
class RegressionContent(EnsembleContent):
    """An evaluated ensemble that predicts numbers."""

    evaluation: RegressionEvaluation
    predictions: EnsemblePredictions
    #: What a study found about images or rows unlike those of the training, and about shifted test images.
    unseen: UnseenNumbers | None = None
    shifted: tuple[ShiftedNumbers, ...] = ()
    #: Of a distilled run; None: this is none, or its teacher is gone.
    teacher: NumberTeacher | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The numbers that are predicted."""
        return self.dataset.targets

    @property
    def member_evaluations(self) -> dict[int, RegressionMember]:
        """The members' own scores, in the order of their indices."""
        return {member.index: member for member in sorted(self.evaluation.members, key=lambda member: member.index)}

    @property
    def best_test(self) -> Predictions:
        """What is predicted of the test rows, with the scaled variance if there is one."""
        scaling = self.evaluation.scaling
        return self.predictions.test if scaling is None else self.predictions.test.scaled(scaling.factors)

    def average_member(self, target: int) -> TargetScores:
        """Return the means of the members' test scores of a target."""
        return average_scores([member.test[target] for member in self.evaluation.members])


def average_scores(scores: Sequence[TargetScores]) -> TargetScores:
    """Return the mean of each score; where one does not exist, its mean does not either."""
    known = {
        field: [value for each in scores if (value := getattr(each, field)) is not None]
        for field in TargetScores.model_fields
    }
    means = {field: fmean(values) if len(values) == len(scores) else None for field, values in known.items()}
    return TargetScores.model_validate(means)
