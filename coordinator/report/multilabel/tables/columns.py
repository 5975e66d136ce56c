"""The columns and rows of the summary table of predicted labels: a row for each member."""

from collections.abc import Iterable
from statistics import fmean
from typing import Literal

from deepchord.coordinator.report.content import ACCURACY_DIGITS, LOSS_DIGITS, SECONDS_DIGITS
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.tables import Column, Group
from deepchord.shared.messages import LabelLosses, LabelScores, TrainedMember
from deepchord.shared.validation import Message


class LabelMemberRow(Message):
    """One line of the summary table; a value that is not known is None."""

    member: str
    status: Literal["trained", "failed", "average", "ensemble", "calibrated"]
    #: Of the weights that were kept, alone; the loss is in nats.
    test_loss: float | None = None
    test_hamming_loss: float | None = None
    test_exact_match: float | None = None
    test_micro_f1: float | None = None
    test_macro_f1: float | None = None
    test_brier_score: float | None = None
    test_calibration_error: float | None = None
    train_loss: float | None = None
    train_hamming_loss: float | None = None
    #: The epoch, counted from 1, with the lowest validation loss, whose weights were kept; in the Average row the mean.
    kept_epoch: int | float | None = None
    #: Of the kept epoch: loss in nats, and the share of wrong labels.
    kept_validation_loss: float | None = None
    kept_validation_hamming_loss: float | None = None
    kept_train_loss: float | None = None
    kept_train_hamming_loss: float | None = None
    host: str | None = None
    engine: str | None = None
    device: str | None = None
    seconds: float | None = None
    #: Why a failed member failed the last time.
    error: str | None = None


def columns(content: MultilabelContent) -> tuple[Column, ...]:
    """Return the columns of the table: those that the records and the evaluation fill."""
    return tuple(column for column in _COLUMNS if content.records or column.group in ("member", "test"))


def member_rows(content: MultilabelContent) -> dict[int, LabelMemberRow]:
    """Return the rows by the members' indices."""
    evaluated = content.member_evaluations
    rows = {}
    for index in sorted({*content.records, *evaluated}):
        record = content.records[index].member if index in content.records else None
        trainer = None if record is None else record.trainer
        own = evaluated.get(index)
        rows[index] = LabelMemberRow(
            member=content.name(index),
            status="trained" if own is not None else "failed",
            **({} if own is None else _of_scores(own.test, own.train)),
            **(_of_epochs(record) if isinstance(record, TrainedMember) else {}),
            **({"error": record.error} if record is not None and not isinstance(record, TrainedMember) else {}),
            **({} if trainer is None else {field: getattr(trainer, field) for field in ("host", "engine", "device")}),
        )
    return rows


def total_rows(content: MultilabelContent, rows: Iterable[LabelMemberRow]) -> tuple[LabelMemberRow, ...]:
    """Return the lines below the members: their average, the ensemble, and the calibrated one."""
    evaluation = content.evaluation
    trained = [row for row in rows if row.status == "trained"]
    averaged = [column.field for column in _COLUMNS if column.is_number] + _OF_TRAINING
    known = {field: [value for row in trained if (value := getattr(row, field)) is not None] for field in averaged}
    means = {field: float(fmean(values)) for field, values in known.items() if values}
    lines = [
        LabelMemberRow(member="Average", status="average", **means),
        LabelMemberRow(member="Ensemble", status="ensemble", **_of_scores(evaluation.test, evaluation.train)),
    ]
    if evaluation.calibrated_test is not None:
        calibrated = _of_scores(evaluation.calibrated_test)
        lines.append(LabelMemberRow(member="Ensemble, calibrated", status="calibrated", **calibrated))
    return tuple(lines)


_OF_TRAINING = ["train_loss", "train_hamming_loss"]


def _score(field: str, short: str, group: Group, digits: int = ACCURACY_DIGITS) -> Column:
    heading = {"test": "Test", "kept": "Kept"}[group]
    is_gain = field.endswith(("exact_match", "f1"))
    best: Literal["lowest", "highest"] = "highest" if is_gain else "lowest"
    return Column(field=field, label=f"{heading} {short}", short=short, group=group, digits=digits, best=best)


_COLUMNS = (
    Column(field="member", label="Member", short="Member", group="member"),
    _score("test_loss", "NLL", "test", LOSS_DIGITS),
    _score("test_hamming_loss", "Hamming", "test"),
    _score("test_exact_match", "Exact", "test"),
    _score("test_micro_f1", "Micro F1", "test"),
    _score("test_macro_f1", "Macro F1", "test"),
    _score("test_brier_score", "Brier", "test", LOSS_DIGITS),
    _score("test_calibration_error", "ECE", "test", LOSS_DIGITS),
    Column(field="kept_epoch", label="Kept Epoch", short="Epoch", group="kept"),
    _score("kept_validation_loss", "Val Loss", "kept", LOSS_DIGITS),
    _score("kept_validation_hamming_loss", "Val Hamming", "kept"),
    _score("kept_train_loss", "Train Loss", "kept", LOSS_DIGITS),
    _score("kept_train_hamming_loss", "Train Hamming", "kept"),
    Column(field="host", label="Host", short="Host", group="training"),
    Column(field="engine", label="Engine", short="Engine", group="training"),
    Column(field="device", label="Device", short="Device", group="training"),
    Column(field="seconds", label="Seconds", short="Seconds", group="training", digits=SECONDS_DIGITS),
)


def _of_scores(test: LabelScores, train: LabelLosses | None = None) -> dict[str, float | None]:
    fields: dict[str, float | None] = {
        "test_loss": test.negative_log_likelihood.value,
        "test_hamming_loss": test.hamming_loss.value,
        "test_exact_match": test.exact_match.value,
        "test_micro_f1": test.micro_f1,
        "test_macro_f1": test.macro_f1,
        "test_brier_score": test.brier_score.value,
        "test_calibration_error": test.calibration_error.value,
    }
    if train is not None:
        fields |= {"train_loss": train.negative_log_likelihood, "train_hamming_loss": train.hamming_loss}
    return fields


def _of_epochs(member: TrainedMember) -> dict[str, float]:
    kept = member.history[member.best_epoch - 1]
    return {
        "kept_epoch": member.best_epoch,
        "kept_validation_loss": kept.validation_loss,
        "kept_validation_hamming_loss": kept.errors[1],
        "kept_train_loss": kept.train_loss,
        "kept_train_hamming_loss": kept.errors[0],
        "seconds": member.duration_s,
    }
