"""The summary table as pure values: what the terminal, the files and the page all show alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from coordinator.report.content import ReportContent
from shared.messages import TrainedMember
from shared.validation import Message

LOSS_DIGITS = 5
ACCURACY_DIGITS = 4
SECONDS_DIGITS = 1


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the summary table."""

    #: The field of `SummaryRow` that it shows.
    field: str
    label: str
    #: Decimal places; None for text and whole numbers.
    digits: int | None = None
    #: Which value of the column is the best one, if one is.
    best: Literal["lowest", "highest"] | None = None
    #: Known only of members that a run of ours trained.
    from_training: bool = True

    def text(self, row: "SummaryRow") -> str:
        """Return what the column shows of a row, empty for a value that is not known."""
        value = getattr(row, self.field)
        if value is None:
            return ""
        if isinstance(value, float):
            return f"{value:.{1 if self.digits is None else self.digits}f}"
        return str(value)


_COLUMNS = (
    Column(field="member", label="Member", from_training=False),
    Column(field="epoch", label="Epoch"),
    Column(field="train_loss", label="Train Loss", digits=LOSS_DIGITS, best="lowest"),
    Column(field="validation_loss", label="Val Loss", digits=LOSS_DIGITS, best="lowest"),
    Column(field="test_loss", label="Test Loss", digits=LOSS_DIGITS, best="lowest", from_training=False),
    Column(field="train_accuracy", label="Train Acc", digits=ACCURACY_DIGITS, best="highest"),
    Column(field="validation_accuracy", label="Val Acc", digits=ACCURACY_DIGITS, best="highest"),
    Column(field="test_accuracy", label="Test Acc", digits=ACCURACY_DIGITS, best="highest", from_training=False),
    Column(field="host", label="Host"),
    Column(field="engine", label="Engine"),
    Column(field="device", label="Device"),
    Column(field="seconds", label="Seconds", digits=SECONDS_DIGITS),
)


class SummaryRow(Message):
    """One line of the summary table; a value that is not known is None."""

    member: str
    status: Literal["trained", "failed", "average"]
    #: The epoch, counted from 1, with the best validation accuracy; in the Average row the mean of them.
    epoch: int | float | None = None
    #: The lowest over the epochs.
    train_loss: float | None = None
    #: The lowest over the epochs.
    validation_loss: float | None = None
    test_loss: float | None = None
    #: The highest over the epochs.
    train_accuracy: float | None = None
    #: The highest over the epochs.
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    host: str | None = None
    engine: str | None = None
    device: str | None = None
    seconds: float | None = None
    #: Why a failed member failed the last time.
    error: str | None = None


def columns(content: ReportContent) -> tuple[Column, ...]:
    """Return the columns of the table: without records only those that an evaluation fills."""
    return tuple(column for column in _COLUMNS if content.records or not column.from_training)


def summary_rows(content: ReportContent) -> tuple[SummaryRow, ...]:
    """Return one row per member in the order of their indices, then the Average row.

    Losses are rounded to 5 digits, accuracies to 4, seconds to 1; means are taken before rounding, over the
    members that were trained.
    """
    indices = sorted({*content.records, *content.member_evaluations})
    rows = [_member_row(content, index) for index in indices]
    return tuple(_rounded(row) for row in (*rows, _average(rows)))


def _member_row(content: ReportContent, index: int) -> SummaryRow:
    name = content.name(index)
    evaluation = content.member_evaluations.get(index)
    test_loss = evaluation.test.loss if evaluation else None
    test_accuracy = evaluation.test.accuracy if evaluation else None
    if index not in content.records:
        return SummaryRow(member=name, status="trained", test_loss=test_loss, test_accuracy=test_accuracy)
    member = content.records[index].member
    trainer = member.trainer
    where = {"host": trainer.host, "engine": trainer.engine, "device": trainer.device} if trainer else {}
    if not isinstance(member, TrainedMember):
        return SummaryRow(member=name, status="failed", error=member.error, **where)
    return SummaryRow(
        member=name,
        status="trained",
        epoch=member.best_epoch,
        train_loss=min(epoch.train_loss for epoch in member.history),
        validation_loss=min(epoch.validation_loss for epoch in member.history),
        test_loss=test_loss,
        train_accuracy=max(epoch.train_accuracy for epoch in member.history),
        validation_accuracy=max(epoch.validation_accuracy for epoch in member.history),
        test_accuracy=test_accuracy,
        seconds=member.duration_s,
        **where,
    )


_AVERAGED = (
    "epoch",
    "train_loss",
    "validation_loss",
    "test_loss",
    "train_accuracy",
    "validation_accuracy",
    "test_accuracy",
    "seconds",
)


def _average(rows: Iterable[SummaryRow]) -> SummaryRow:
    trained = [row for row in rows if row.status == "trained"]
    known = {field: [value for row in trained if (value := getattr(row, field)) is not None] for field in _AVERAGED}
    means = {field: float(fmean(values)) for field, values in known.items() if values}
    return SummaryRow(member="Average", status="average", **means)


def _rounded(row: SummaryRow) -> SummaryRow:
    digits = {column.field: column.digits for column in _COLUMNS if column.digits is not None} | {"epoch": 1}
    values = {field: getattr(row, field) for field in digits}
    rounded = {field: round(value, digits[field]) for field, value in values.items() if isinstance(value, float)}
    return row.model_copy(update=rounded)
