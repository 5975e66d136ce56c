"""A finished ensemble apart from its weights: all that is needed to build its networks and to use what they predict."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import (
    AwareDatetime,
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from deepchord.shared.messages.dataset import DatasetInfo
from deepchord.shared.messages.evaluation import EnsembleEvaluation, Scores
from deepchord.shared.messages.member import TrainedMember
from deepchord.shared.messages.regression import Intervals, RegressionEvaluation, TargetScores, VarianceScaling
from deepchord.shared.messages.run import RunId, RunSpec, Seed
from deepchord.shared.messages.uncertainty import Abstention, Calibration, ConformalSets, ProbabilityScores
from deepchord.shared.network import Architecture
from deepchord.shared.validation import Message, Sha256, Versioned


class DescribedMember(Message):
    """A member of a finished ensemble."""

    index: NonNegativeInt
    #: Of the file with its weights, HDF5.
    weights_sha256: Sha256
    #: What trained it, such as `tensorflow`.
    engine: str


class DescribedRegression(Message):
    """What is known of the numbers that an ensemble predicts; one entry for each target of its data set."""

    #: Of the ensemble with its variance as it is, and with the scaled one, on the test rows.
    test: tuple[TargetScores, ...] = Field(min_length=1)
    scaled_test: tuple[TargetScores, ...] = ()
    #: None: no rows were held out, and variances are as they are.
    scaling: VarianceScaling | None = None
    #: The intervals that can be asked for, with their half widths.
    intervals: tuple[Intervals, ...] = ()


#: The fields of an `EnsembleDescription` that tell of classes, and the one that tells of numbers.
_OF_CLASSES, _OF_NUMBERS = ("test", "calibrated_test", "calibration", "conformal", "abstentions"), "regression"


class EnsembleDescription(Versioned):
    """What a finished ensemble is; it travels with collected and exported members."""

    run_id: RunId
    created_at: AwareDatetime
    preset: str
    seed: Seed
    dataset: DatasetInfo
    architecture: Architecture
    members: tuple[DescribedMember, ...] = Field(min_length=1)
    #: How many members the run had asked for.
    requested: PositiveInt
    #: Of the mean as it is, on the test images; None: numbers are predicted.
    test: Scores | None = None
    #: Of the calibrated mean, on the test images; None: it is not calibrated.
    calibrated_test: ProbabilityScores | None = None
    #: None: there were no images to calibrate on; probabilities are the mean as it is.
    calibration: Calibration | None = None
    #: The sets that can be asked for, with their thresholds.
    conformal: tuple[ConformalSets, ...] = ()
    #: The risks that can be asked for, with the confidence from which on an image is answered.
    abstentions: tuple[Abstention, ...] = ()
    #: None: classes are predicted.
    regression: DescribedRegression | None = None

    @model_validator(mode="after")
    def _check_task(self) -> Self:
        targets = len(self.dataset.targets)
        if (self.test is None) != bool(targets) or (self.regression is None) == bool(targets):
            raise ValueError("test is told of classes, and regression of numbers; expected the one of the data set")
        if self.regression is not None and len(self.regression.test) != targets:
            raise ValueError(f"regression tells of {len(self.regression.test)} numbers, and dataset of {targets}")
        return self

    @model_serializer(mode="wrap")
    def _of_its_task(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what only the other task has: earlier versions do not know `regression`."""
        left_out = _OF_CLASSES if self.regression else (_OF_NUMBERS,)
        return {name: value for name, value in write(self).items() if name not in left_out}

    @classmethod
    def of_run(
        cls, run: RunSpec, evaluation: EnsembleEvaluation | RegressionEvaluation, trained: Sequence[TrainedMember]
    ) -> Self:
        """Return the description of an evaluated run.

        Args:
            run: As it was evaluated.
            evaluation: Its evaluation.
            trained: The records of the members that were evaluated, in any order.
        """
        known = {member.spec.index: member for member in trained}
        ordered = [known[index] for index in sorted(member.index for member in evaluation.members)]
        return cls(
            run_id=run.run_id,
            created_at=run.created_at,
            preset=run.preset,
            seed=run.seed,
            dataset=run.dataset,
            architecture=run.architecture,
            members=tuple(
                DescribedMember(
                    index=member.spec.index, weights_sha256=member.weights_sha256, engine=member.trainer.engine
                )
                for member in ordered
            ),
            requested=evaluation.requested,
            **(_of_numbers(evaluation) if isinstance(evaluation, RegressionEvaluation) else _of_classes(evaluation)),
        )


def _of_classes(evaluation: EnsembleEvaluation) -> dict[str, Any]:
    uncertainty = evaluation.uncertainty
    selective = uncertainty.selective if uncertainty else None
    return {
        "test": evaluation.test,
        "calibrated_test": uncertainty.calibrated if uncertainty else None,
        "calibration": uncertainty.calibration if uncertainty else None,
        "conformal": uncertainty.conformal if uncertainty else (),
        # Thresholds that were chosen on test images are for scoring only.
        "abstentions": selective.abstentions if selective and selective.source != "test_images" else (),
    }


def _of_numbers(evaluation: RegressionEvaluation) -> dict[str, Any]:
    return {
        "regression": DescribedRegression(
            test=evaluation.test,
            scaled_test=evaluation.scaled_test,
            scaling=evaluation.scaling,
            intervals=evaluation.intervals,
        )
    }
