"""The columns and rows of the summary table of predicted numbers: a row for each member and number."""

from collections.abc import Iterable
from statistics import fmean
from typing import Literal

from deepchord.coordinator.report.content import SECONDS_DIGITS
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import SCORE_DIGITS, unit_digits
from deepchord.coordinator.report.tables import Column, Group
from deepchord.shared.messages import Target, TargetScores, TrainedMember
from deepchord.shared.validation import Message


class NumberRow(Message):
    """One line of the summary table; a value that is not known is None."""

    member: str
    #: The number that the scores are of.
    target: str
    status: Literal["trained", "failed", "average", "ensemble", "scaled"]
    #: Of the weights that were kept, alone, in the number's own unit; the negative log-likelihood is in nats.
    test_root_mean_squared_error: float | None = None
    test_mean_absolute_error: float | None = None
    test_r_squared: float | None = None
    test_negative_log_likelihood: float | None = None
    test_continuous_ranked_probability_score: float | None = None
    #: The same on the training rows.
    train_root_mean_squared_error: float | None = None
    train_r_squared: float | None = None
    train_negative_log_likelihood: float | None = None
    #: The epoch, counted from 1, with the lowest validation loss, whose weights were kept; in the Average row the mean.
    kept_epoch: int | float | None = None
    #: Of the kept epoch: loss in nats, and error in standard deviations, each the mean over all numbers.
    kept_validation_loss: float | None = None
    kept_validation_error: float | None = None
    kept_train_loss: float | None = None
    kept_train_error: float | None = None
    host: str | None = None
    engine: str | None = None
    device: str | None = None
    seconds: float | None = None
    #: Why a failed member failed the last time.
    error: str | None = None


def columns(content: RegressionContent, target: Target) -> tuple[Column, ...]:
    """Return the columns of the table of a number: those that the records and the evaluation fill."""
    return tuple(
        column for column in _columns(unit_digits(target)) if content.records or column.group in ("member", "test")
    )


def member_rows(content: RegressionContent, target: int) -> dict[int, NumberRow]:
    """Return the rows of a number by the members' indices."""
    name, evaluated = content.targets[target].name, content.member_evaluations
    rows = {}
    for index in sorted({*content.records, *evaluated}):
        record = content.records[index].member if index in content.records else None
        trainer = None if record is None else record.trainer
        own = evaluated.get(index)
        rows[index] = NumberRow(
            member=content.name(index),
            target=name,
            status="trained" if own is not None else "failed",
            **({} if own is None else _of_scores(own.test[target], own.train[target])),
            **(_of_epochs(record) if isinstance(record, TrainedMember) else {}),
            **({"error": record.error} if record is not None and not isinstance(record, TrainedMember) else {}),
            **({} if trainer is None else {field: getattr(trainer, field) for field in ("host", "engine", "device")}),
        )
    return rows


def total_rows(content: RegressionContent, target: int, rows: Iterable[NumberRow]) -> tuple[NumberRow, ...]:
    """Return the lines below the members of a number: their average, the ensemble, that with its scaled variance."""
    name, evaluation = content.targets[target].name, content.evaluation
    trained = [row for row in rows if row.status == "trained"]
    averaged = [column.field for column in _columns(0) if column.is_number] + _OF_TRAINING
    known = {field: [value for row in trained if (value := getattr(row, field)) is not None] for field in averaged}
    means = {field: float(fmean(values)) for field, values in known.items() if values}
    ensemble = _of_scores(evaluation.test[target], evaluation.train[target])
    lines = [
        NumberRow(member="Average", target=name, status="average", **means),
        NumberRow(member="Ensemble", target=name, status="ensemble", **ensemble),
    ]
    if evaluation.scaled_test:
        scaled = _of_scores(evaluation.scaled_test[target])
        lines.append(NumberRow(member="Ensemble, scaled", target=name, status="scaled", **scaled))
    return tuple(lines)


def summary_rows(content: RegressionContent) -> tuple[NumberRow, ...]:
    """Return all lines of all numbers."""
    lines: list[NumberRow] = []
    for target in range(len(content.targets)):
        rows = member_rows(content, target).values()
        lines += [*rows, *total_rows(content, target, rows)]
    return tuple(lines)


_OF_TRAINING = ["train_root_mean_squared_error", "train_r_squared", "train_negative_log_likelihood"]


def _columns(unit: int) -> tuple[Column, ...]:
    """Return all columns; `unit` is the number of decimal places in the number's own unit."""

    def score(field: str, short: str, group: Group, digits: int = SCORE_DIGITS) -> Column:
        heading = {"test": "Test", "kept": "Kept"}[group]
        best: Literal["lowest", "highest"] = "highest" if field.endswith("r_squared") else "lowest"
        return Column(field=field, label=f"{heading} {short}", short=short, group=group, digits=digits, best=best)

    return (
        Column(field="member", label="Member", short="Member", group="member"),
        score("test_root_mean_squared_error", "RMSE", "test", unit),
        score("test_mean_absolute_error", "MAE", "test", unit),
        score("test_r_squared", "R²", "test"),
        score("test_negative_log_likelihood", "NLL", "test"),
        score("test_continuous_ranked_probability_score", "CRPS", "test", unit),
        Column(field="kept_epoch", label="Kept Epoch", short="Epoch", group="kept"),
        score("kept_validation_loss", "Val Loss", "kept"),
        score("kept_validation_error", "Val Error", "kept"),
        score("kept_train_loss", "Train Loss", "kept"),
        score("kept_train_error", "Train Error", "kept"),
        Column(field="host", label="Host", short="Host", group="training"),
        Column(field="engine", label="Engine", short="Engine", group="training"),
        Column(field="device", label="Device", short="Device", group="training"),
        Column(field="seconds", label="Seconds", short="Seconds", group="training", digits=SECONDS_DIGITS),
    )


def _of_scores(test: TargetScores, train: TargetScores | None = None) -> dict[str, float | None]:
    fields = {f"test_{name}": value for name, value in test.model_dump().items()}
    if train is not None:
        fields |= {field: getattr(train, field.removeprefix("train_")) for field in _OF_TRAINING}
    return fields


def _of_epochs(member: TrainedMember) -> dict[str, float]:
    kept = member.history[member.best_epoch - 1]
    return {
        "kept_epoch": member.best_epoch,
        "kept_validation_loss": kept.validation_loss,
        "kept_validation_error": kept.errors[1],
        "kept_train_loss": kept.train_loss,
        "kept_train_error": kept.errors[0],
        "seconds": member.duration_s,
    }
