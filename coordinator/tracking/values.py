"""What is recorded of a run in a tracker of experiments: its parameters, its epochs, its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deepchord.shared.messages import (
    EnsembleEvaluation,
    Estimate,
    Evaluation,
    LabelScores,
    MultilabelEvaluation,
    ProbabilityScores,
    Recipe,
    RegressionEvaluation,
    RunSpec,
    TrainedMember,
)
from deepchord.shared.validation import Message


@dataclass(frozen=True, kw_only=True)
class Point:
    """Values that were measured at one moment."""

    #: Of a member: the epoch, from 1; of an ensemble: how many members it has.
    step: int
    at: datetime
    values: Mapping[str, float]


def parameters(run: RunSpec) -> dict[str, str | int | float | bool]:
    """Return what decided a run and never changes: its data set, seed and recipe; members are added to it later on."""
    values: dict[str, object] = {
        "preset": run.preset,
        "dataset": run.dataset.name,
        "dataset_sha256": run.dataset.sha256,
        "train_size": run.dataset.train_size,
        "test_size": run.dataset.test_size,
        "seed": run.seed,
        "require": run.require,
        "deepchord_version": run.version,
        **{name: getattr(run.recipe, name) for name in Recipe.model_fields},
    }
    return {
        name: value if isinstance(value, str | int | float) else str(value)
        for name, value in values.items()
        if value is not None
    }


def epochs(member: TrainedMember) -> list[Point]:
    """Return the epochs of a member; when each ended is counted back from the member's end."""
    points: list[Point] = []
    at = member.finished_at
    for number, epoch in reversed(list(enumerate(member.history, 1))):
        values = {name: value for name, value in epoch.model_dump().items() if isinstance(value, float)}
        points.append(Point(step=number, at=at, values=values))
        at -= timedelta(seconds=epoch.duration_s)
    return points[::-1]


def scores(run: RunSpec, evaluation: Evaluation) -> Point:
    """Return the scores of an ensemble, and those of its members as far as their mean or best counts."""
    if isinstance(evaluation, RegressionEvaluation):
        values = _of_numbers(run, evaluation)
    elif isinstance(evaluation, MultilabelEvaluation):
        values = _of_labels(evaluation)
    else:
        values = _of_classes(evaluation)
    values |= {"requested_members": evaluation.requested, "trained_members": evaluation.trained}
    return Point(step=evaluation.trained, at=evaluation.evaluated_at, values=values)


def _of_classes(evaluation: EnsembleEvaluation) -> dict[str, float]:
    values = {
        "test_accuracy": evaluation.test.accuracy,
        "test_loss": evaluation.test.loss,
        "train_accuracy": evaluation.train.accuracy,
        "train_loss": evaluation.train.loss,
        "mean_member_test_accuracy": evaluation.mean_member_accuracy,
        "best_member_test_accuracy": evaluation.best_member_accuracy,
    }
    if evaluation.balanced is not None:
        values |= _numbers("test", evaluation.balanced)
    uncertainty = evaluation.uncertainty
    if uncertainty is not None:
        values |= _estimates("test", uncertainty.mean)
        if uncertainty.calibrated is not None:
            values |= _estimates("calibrated_test", uncertainty.calibrated)
    return values


def _of_labels(evaluation: MultilabelEvaluation) -> dict[str, float]:
    values = _numbers("train", evaluation.train) | _label_scores("test", evaluation.test)
    if evaluation.calibrated_test is not None:
        values |= _label_scores("calibrated_test", evaluation.calibrated_test)
    return values


def _label_scores(prefix: str, measured: LabelScores) -> dict[str, float]:
    known = {name: getattr(measured, name) for name in LabelScores.model_fields}
    values = {name: score.value if isinstance(score, Estimate) else score for name, score in known.items()}
    return {f"{prefix}_{name}": value for name, value in values.items() if value is not None}


def _of_numbers(run: RunSpec, evaluation: RegressionEvaluation) -> dict[str, float]:
    several = len(run.dataset.targets) > 1
    values: dict[str, float] = {}
    parts: Sequence[tuple[str, Sequence[Message]]] = [
        ("test", evaluation.test),
        ("train", evaluation.train),
        ("scaled_test", evaluation.scaled_test),
    ]
    for part, of_targets in parts:
        for target, of_target in zip(run.dataset.targets, of_targets, strict=False):
            values |= _numbers(f"{part}_{target.name}" if several else part, of_target)
    return values


def _numbers(prefix: str, message: Message) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in message.model_dump().items() if isinstance(value, float)}


def _estimates(prefix: str, measured: ProbabilityScores) -> dict[str, float]:
    names = [name for name in ProbabilityScores.model_fields if name != "accuracy"]
    return {f"{prefix}_{name}": getattr(measured, name).value for name in names}
