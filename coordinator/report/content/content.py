"""What a report is made of, and the few facts that its tables, figures and page all use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import EnsembleProbabilities
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import (
    EnsembleEvaluation,
    FailedMember,
    MemberEvaluation,
    MemberRecord,
    ProbabilityScores,
    RunSpec,
    ShiftedScores,
    TrainedMember,
    UnseenScores,
)
from deepchord.shared.tables import in_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class TeacherResults:
    """How the ensemble did that the members of a distilled run learnt from."""

    run_id: str
    evaluation: EnsembleEvaluation
    #: What studies of that ensemble, and of this run, found about images of other kinds, by the name of the images, if
    #: both were asked about them.
    unseen: Mapping[str, tuple[UnseenScores, UnseenScores]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportContent:
    """An evaluated ensemble: a run with its records, or bare weight files without any."""

    #: The run id, or the name of the folder that the weight files lie in.
    title: str
    #: The command that makes this result again.
    command: str
    #: None for bare weight files.
    spec: RunSpec | None
    #: By member index, failed ones among them; empty for bare weight files.
    records: Mapping[int, MemberRecord]
    #: How a member is called in tables: `0`, `1` …, or the name of its weight file.
    member_names: Mapping[int, str]
    evaluation: EnsembleEvaluation
    dataset: Dataset
    probabilities: EnsembleProbabilities
    #: The command that makes a study of a run again; None: this is the run's own evaluation, or bare weight files.
    study_command: str | None = None
    #: What a study found about images of other kinds, and about shifted test images.
    unseen: UnseenScores | None = None
    shifted: tuple[ShiftedScores, ...] = ()
    #: Of a distilled run; None: this is none, or its teacher is gone.
    teacher: TeacherResults | None = None
    #: When the first attempt of any trained member began; None for bare weight files.
    started_at: datetime | None = None

    @property
    def trained(self) -> dict[int, TrainedMember]:
        """The members that were trained, in the order of their indices."""
        members = ((index, self.records[index].member) for index in sorted(self.records))
        return {index: member for index, member in members if isinstance(member, TrainedMember)}

    @property
    def failed(self) -> dict[int, FailedMember]:
        """The members that failed in every attempt or were cancelled, in the order of their indices."""
        members = ((index, self.records[index].member) for index in sorted(self.records))
        return {index: member for index, member in members if isinstance(member, FailedMember)}

    @property
    def member_evaluations(self) -> dict[int, MemberEvaluation]:
        """The members' own scores, in the order of their indices."""
        return {member.index: member for member in sorted(self.evaluation.members, key=lambda member: member.index)}

    @property
    def member_scores(self) -> dict[int, ProbabilityScores]:
        """The scores of the members' own probabilities, by their indices; empty if they were not measured."""
        uncertainty = self.evaluation.uncertainty
        return {member.index: member.scores for member in uncertainty.members} if uncertainty is not None else {}

    def worded(self, text: str) -> str:
        """Return a text of deepchord's own about images in the words for what the data set holds."""
        return text if self.dataset.table is None else in_rows(text)

    @property
    def best_test_probabilities(self) -> NDArray[np.float32]:
        """The calibrated probabilities of the test images; the mean as it is if it is not calibrated."""
        calibrated = self.probabilities.calibrated_test
        return self.probabilities.test if calibrated is None else calibrated

    @property
    def training_loss_kind(self) -> str | None:
        """What makes the training losses differ from all others, such as `towards smoothed labels`; None: nothing."""
        if self.spec is None:
            return None
        recipe = self.spec.recipe
        labels = [
            word
            for word, changes in (
                ("smoothed", recipe.label_smoothing > 0),
                ("mixed", recipe.mixup > 0 or recipe.cutmix > 0),
            )
            if changes
        ]
        is_weighted = recipe.class_weights is not None or self.spec.dataset.has_sample_weights
        kinds = ["weighted"] if is_weighted else []
        kinds += [f"towards {' and '.join(labels)} labels"] if labels else []
        return ", ".join(kinds) or None

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

    @property
    def largest_parity(self) -> float | None:
        """The largest difference between a member's own and the evaluating engine's probabilities, if known."""
        known = [member.parity for member in self.evaluation.members if member.parity is not None]
        return max(known, default=None)

    def name(self, index: int) -> str:
        """Return how a member is called."""
        return self.member_names.get(index, str(index))
