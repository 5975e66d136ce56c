"""The result of a regression in storage: scores of the numbers that the ensemble and its members predict."""

from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from deepchord.shared.messages.member import Trainer
from deepchord.shared.validation import Message, Sha256, Share, Versioned

#: Where the rows come from that variances and intervals are fitted on; see `CalibrationSource`.
ScalingSource = Literal["calibration_images", "out_of_bag"]
#: The share of rows that an interval is to contain.
Level = Annotated[float, Field(gt=0.0, lt=1.0)]


class TargetScores(Message):
    """The scores of one predicted number; `deepchord.shared.regression.scores` defines them."""

    root_mean_squared_error: NonNegativeFloat
    mean_absolute_error: NonNegativeFloat
    #: The share of the variance that is explained; None: the actual numbers are all equal.
    r_squared: FiniteFloat | None
    #: In nats, with the number in its own unit: it may be negative.
    negative_log_likelihood: FiniteFloat
    #: In the number's own unit.
    continuous_ranked_probability_score: NonNegativeFloat


class RegressionMember(Message):
    """The scores of one member alone, with its committed weights, one for each target."""

    index: NonNegativeInt
    train: tuple[TargetScores, ...] = Field(min_length=1)
    test: tuple[TargetScores, ...] = Field(min_length=1)
    #: The largest difference between the test outputs that the member's engine computed and those of the evaluating
    #: engine, in standard deviations of the targets.
    parity: NonNegativeFloat | None = None


class VarianceScaling(Message):
    """How the variance of an ensemble's predictions is scaled, and on which rows that was fitted."""

    source: ScalingSource
    #: The variance of each target is multiplied with this.
    factors: tuple[PositiveFloat, ...] = Field(min_length=1)
    #: On how many rows it was fitted, and how many members predicted each of them, on average.
    rows: PositiveInt
    members_per_row: PositiveFloat


class Intervals(Message):
    """Intervals that are to contain the actual number with a given probability, and how they did on the test rows."""

    #: `predicted`: of the normal distribution with the ensemble's mean and variance as they are. `scaled`: with the
    #: scaled variance. `conformal`: the mean, and as many standard deviations to both sides as held-out rows needed
    #: (Lei et al. 2018, section 5.2).
    method: Literal["predicted", "scaled", "conformal"]
    level: Level
    #: For each target: half of the width in standard deviations of the ensemble as it is; None: there are too few rows
    #: for a bound, and the interval holds every number.
    half_widths: tuple[NonNegativeFloat | None, ...] = Field(min_length=1)
    #: Whether `level` is only approximate: members were validated on the rows.
    is_approximate: bool = False
    #: For each target: the share of test rows whose interval contains the actual number, and the mean width in the
    #: target's own unit; None: it has no bound.
    coverage: tuple[Share, ...] = Field(min_length=1)
    mean_width: tuple[NonNegativeFloat | None, ...] = Field(min_length=1)


class QuantileCalibration(Message):
    """How often actual numbers lie below predicted quantiles (Kuleshov, Fenner and Ermon 2018, eq. 2)."""

    #: The predicted probability of a lower number.
    level: Level
    #: For each target: the share of the test rows whose actual number is lower, by the variance as it is, and by the
    #: scaled one; empty without a scaling.
    observed: tuple[Share, ...] = Field(min_length=1)
    scaled_observed: tuple[Share, ...] = ()


class SizedRegression(Message):
    """The mean scores of ensembles of so many members on the test rows, over random orders; means over the targets."""

    members: PositiveInt
    negative_log_likelihood: FiniteFloat
    #: In standard deviations of the targets.
    root_mean_squared_error: NonNegativeFloat


class NumberGain(Message):
    """What one more member would bring, estimated on training rows that members held out; see `MemberGain`.

    The losses are those of the scaled variances, each size of ensemble with its own factors.
    """

    rows: PositiveInt
    #: How many members held a row out, in the mean over the rows.
    members_per_row: PositiveFloat
    #: The negative log-likelihood of the standardised numbers on such rows, the mean over them, and by how much one
    #: more member would lower it; nats.
    loss: FiniteFloat
    fall: NonNegativeFloat


class RegressionEvaluation(Versioned):
    """The scores of an ensemble that predicts numbers.

    The ensemble is the mixture of the members' normal distributions, and is taken as the normal distribution with the
    mixture's mean and variance (Lakshminarayanan et al. 2017, section 2.4).
    """

    task: Literal["regression"] = "regression"
    requested: PositiveInt
    trained: PositiveInt
    evaluator: Trainer
    evaluated_at: AwareDatetime
    duration_s: NonNegativeFloat
    members: tuple[RegressionMember, ...] = Field(min_length=1)
    #: Of the ensemble with its variance as it is, one for each target.
    train: tuple[TargetScores, ...] = Field(min_length=1)
    test: tuple[TargetScores, ...] = Field(min_length=1)
    #: None: no rows were held out.
    scaling: VarianceScaling | None = None
    #: Of the ensemble with its scaled variance.
    scaled_test: tuple[TargetScores, ...] = ()
    intervals: tuple[Intervals, ...] = ()
    quantiles: tuple[QuantileCalibration, ...] = ()
    by_size: tuple[SizedRegression, ...] = ()
    #: None: no row was held out by two members, or an earlier version did not measure it.
    next_member: NumberGain | None = None
    #: Of the `.npz` with the predictions; see `deepchord.shared.checkpoints.EnsemblePredictions`.
    predictions_sha256: Sha256

    @model_validator(mode="after")
    def _check_sizes(self) -> "RegressionEvaluation":
        if self.trained != len(self.members) or self.trained > self.requested:
            raise ValueError(f"{len(self.members)} members are listed, {self.trained} of {self.requested} were trained")
        counts = {len(scores) for scores in (self.train, self.test, *(member.test for member in self.members))}
        if len(counts) != 1:
            raise ValueError("the scores are of different numbers of targets")
        return self

    @model_serializer(mode="wrap")
    def _with_task_first(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the fields with `task` at the beginning, which tells this evaluation from that of classes.

        What an earlier version did not measure is left out, as that version wrote it.
        """
        written = {"task": self.task, **write(self)}
        if self.next_member is None:
            written.pop("next_member", None)
        return written

    @property
    def mean_member_error(self) -> tuple[float, ...]:
        """For each target: the mean of the members' root mean squared errors on the test rows."""
        errors = zip(*((each.root_mean_squared_error for each in member.test) for member in self.members), strict=True)
        return tuple(sum(of_target) / len(self.members) for of_target in errors)
