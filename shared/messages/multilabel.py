"""The result of a run that predicts labels, in storage: scores of the probabilities of the ensemble and its members."""

from typing import Any, Literal

from pydantic import (
    AwareDatetime,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from deepchord.shared.messages.member import Trainer
from deepchord.shared.messages.uncertainty import Calibration, Estimate
from deepchord.shared.validation import Message, Sha256, Share, Versioned


class LabelScores(Message):
    """The scores of all labels together; `deepchord.shared.multilabel.scores` defines them."""

    negative_log_likelihood: Estimate
    brier_score: Estimate
    exact_match: Estimate
    hamming_loss: Estimate
    calibration_error: Estimate
    #: None: no label applies to any row.
    micro_f1: Share | None
    macro_f1: Share | None


class LabelLosses(Message):
    """The scores of all labels together that need no intervals."""

    negative_log_likelihood: NonNegativeFloat
    exact_match: Share
    hamming_loss: Share


class LabelResult(Message):
    """The scores of one label on the test rows."""

    #: The share of the rows to which it applies.
    prevalence: Share
    #: None: it applies to no row.
    f1: Share | None
    #: None: it applies to no row, or to all.
    area_under_roc: Share | None
    #: In nats.
    negative_log_likelihood: NonNegativeFloat
    brier_score: Share


class LabelBin(Message):
    """The probabilities of all labels that lie in one of 15 bins of equal width."""

    probabilities: PositiveInt
    mean_probability: Share
    #: The share of these labels that apply.
    applying: Share


class MultilabelMember(Message):
    """The scores of one member alone, with its committed weights."""

    index: NonNegativeInt
    train: LabelLosses
    test: LabelScores
    #: The largest difference between the test probabilities that the member's engine computed and those of the
    #: evaluating engine.
    parity: Share | None = None


class SizedMultilabel(Message):
    """The mean scores of ensembles of so many members on the test rows, over random orders."""

    members: PositiveInt
    negative_log_likelihood: NonNegativeFloat
    exact_match: Share


class MultilabelEvaluation(Versioned):
    """The scores of an ensemble that predicts which labels apply; its probabilities are the means of its members'."""

    task: Literal["multilabel"] = "multilabel"
    requested: PositiveInt
    trained: PositiveInt
    evaluator: Trainer
    evaluated_at: AwareDatetime
    duration_s: NonNegativeFloat
    members: tuple[MultilabelMember, ...] = Field(min_length=1)
    #: Of the mean as it is.
    train: LabelLosses
    test: LabelScores
    #: Of each label, of the mean as it is.
    labels: tuple[LabelResult, ...] = Field(min_length=1)
    #: The mean probabilities p become sigmoid(logit(p) / temperature), one temperature for all labels; None: no rows
    #: were held out.
    calibration: Calibration | None = None
    #: Of the calibrated mean.
    calibrated_test: LabelScores | None = None
    calibrated_labels: tuple[LabelResult, ...] = ()
    reliability: tuple[LabelBin, ...]
    calibrated_reliability: tuple[LabelBin, ...] = ()
    by_size: tuple[SizedMultilabel, ...] = ()
    #: Of the `.npz` with the probabilities; see `deepchord.shared.checkpoints.EnsembleLabels`.
    probabilities_sha256: Sha256

    @model_validator(mode="after")
    def _check_sizes(self) -> "MultilabelEvaluation":
        if self.trained != len(self.members) or self.trained > self.requested:
            raise ValueError(f"{len(self.members)} members are listed, {self.trained} of {self.requested} were trained")
        if (self.calibration is None) != (self.calibrated_test is None):
            raise ValueError("calibration and calibrated_test must both be given, or neither")
        return self

    @model_serializer(mode="wrap")
    def _with_task_first(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the fields with `task` at the beginning, which tells this evaluation from that of classes."""
        return {"task": self.task, **write(self)}

    @property
    def best(self) -> LabelScores:
        """The scores of the calibrated mean; of the mean as it is if it is not calibrated."""
        return self.calibrated_test or self.test

    @property
    def best_labels(self) -> tuple[LabelResult, ...]:
        """The scores of each label, of the same probabilities as `best`."""
        return self.calibrated_labels or self.labels
