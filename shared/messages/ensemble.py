"""A finished ensemble apart from its weights: all that is needed to build its networks and to use what they predict."""

from collections.abc import Mapping, Sequence
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
from deepchord.shared.messages.multilabel import LabelResult, LabelScores, MultilabelEvaluation
from deepchord.shared.messages.regression import Intervals, RegressionEvaluation, TargetScores, VarianceScaling
from deepchord.shared.messages.run import RunId, RunSpec, Seed
from deepchord.shared.messages.uncertainty import Abstention, Calibration, ConformalSets, ProbabilityScores
from deepchord.shared.network import Architecture, Task
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


class DescribedLabels(Message):
    """What is known of the labels of which an ensemble predicts whether they apply."""

    #: Of the mean as it is, and of the calibrated one, on the test rows.
    test: LabelScores
    calibrated_test: LabelScores | None = None
    #: Of each label of its data set, of the calibrated mean if there is one.
    labels: tuple[LabelResult, ...] = Field(min_length=1)
    #: None: no rows were held out, and probabilities are the mean as it is.
    calibration: Calibration | None = None


#: The fields of an `EnsembleDescription` that tell of classes, of numbers and of labels.
_OF_CLASSES = ("test", "calibrated_test", "calibration", "conformal", "abstentions")
_OF_TASK: Mapping[Task, tuple[str, ...]] = {
    "classification": _OF_CLASSES,
    "regression": ("regression",),
    "multilabel": ("multilabel",),
}


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
    #: None: something else than numbers is predicted.
    regression: DescribedRegression | None = None
    #: None: something else than labels is predicted.
    multilabel: DescribedLabels | None = None

    @model_validator(mode="after")
    def _check_task(self) -> Self:
        targets, labels = len(self.dataset.targets), len(self.dataset.label_names)
        told = [name for name in ("test", "regression", "multilabel") if getattr(self, name) is not None]
        if told != [_OF_TASK[self.task][0]]:
            raise ValueError(
                "test is told of classes, regression of numbers, and multilabel of labels; expected the one of the "
                "data set"
            )
        if self.multilabel is not None and len(self.multilabel.labels) != labels:
            raise ValueError(f"multilabel tells of {len(self.multilabel.labels)} labels, and dataset of {labels}")
        if self.regression is not None and len(self.regression.test) != targets:
            raise ValueError(f"regression tells of {len(self.regression.test)} numbers, and dataset of {targets}")
        return self

    @model_serializer(mode="wrap")
    def _of_its_task(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what only other tasks have: earlier versions do not know it."""
        left_out = [name for task, names in _OF_TASK.items() if task != self.task for name in names]
        return {name: value for name, value in write(self).items() if name not in left_out}

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.dataset.outputs.task

    @classmethod
    def of_run(
        cls,
        run: RunSpec,
        evaluation: EnsembleEvaluation | RegressionEvaluation | MultilabelEvaluation,
        trained: Sequence[TrainedMember],
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
            **_told(evaluation),
        )


def _told(evaluation: EnsembleEvaluation | RegressionEvaluation | MultilabelEvaluation) -> dict[str, Any]:
    if isinstance(evaluation, RegressionEvaluation):
        return _of_numbers(evaluation)
    return _of_labels(evaluation) if isinstance(evaluation, MultilabelEvaluation) else _of_classes(evaluation)


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


def _of_labels(evaluation: MultilabelEvaluation) -> dict[str, Any]:
    return {
        "multilabel": DescribedLabels(
            test=evaluation.test,
            calibrated_test=evaluation.calibrated_test,
            labels=evaluation.best_labels,
            calibration=evaluation.calibration,
        )
    }
