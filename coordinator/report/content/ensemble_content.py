"""What the reports of all ensembles have in common, whatever they predict: members, records, data set, names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import (
    Evaluation,
    FailedMember,
    MemberRecord,
    RunSpec,
    TrainedMember,
    UnseenNumbers,
    UnseenScores,
)
from deepchord.shared.tables import in_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsembleContent:
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
    evaluation: Evaluation
    dataset: Dataset
    #: The command that makes a study of a run again; None: this is the run's own evaluation, or bare weight files.
    study_command: str | None = None
    #: What a study found about images of other kinds; None: there was none, or no such images.
    unseen: UnseenScores | UnseenNumbers | None = None
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

    def worded(self, text: str) -> str:
        """Return a text of deepchord's own about images in the words for what the data set holds."""
        return text if self.dataset.table is None else in_rows(text)

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
    def largest_parity(self) -> float | None:
        """The largest difference between a member's own and the evaluating engine's outputs, if known."""
        known = [member.parity for member in self.evaluation.members if member.parity is not None]
        return max(known, default=None)

    def name(self, index: int) -> str:
        """Return how a member is called."""
        return self.member_names.get(index, str(index))
