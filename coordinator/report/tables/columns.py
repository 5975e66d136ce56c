"""The columns and rows of the summary table, which the terminal, the files and the page all show."""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Literal

from deepchord.coordinator.report.content import ACCURACY_DIGITS, LOSS_DIGITS, SECONDS_DIGITS, ReportContent
from deepchord.coordinator.report.tables.column import Column, Group
from deepchord.shared.messages import TrainedMember
from deepchord.shared.validation import Message


def _accuracy(field: str, label: str, short: str, group: Group) -> Column:
    return Column(field=field, label=label, short=short, group=group, digits=ACCURACY_DIGITS, best="highest")


def _loss(field: str, label: str, short: str, group: Group) -> Column:
    return Column(field=field, label=label, short=short, group=group, digits=LOSS_DIGITS, best="lowest")


#: What evaluations of earlier versions did not measure.
_MEASURED = ("test_brier_score", "test_expected_calibration_error")
#: Scores in which every class counts the same: earlier versions did not measure them, the last is of two classes only.
BALANCED = ("test_balanced_accuracy", "test_macro_f1", "test_area_under_roc")
#: What matters most comes first: it is what a narrow screen shows.
_COLUMNS = (
    Column(field="member", label="Member", short="Member", group="member"),
    _accuracy("test_accuracy", "Test Acc", "Acc", "test"),
    _loss("test_loss", "Test Loss", "Loss", "test"),
    _loss("test_brier_score", "Test Brier Score", "Brier Score", "test"),
    _loss("test_expected_calibration_error", "Test Expected Calibration Error", "Calib Error", "test"),
    _accuracy("test_balanced_accuracy", "Test Balanced Accuracy", "Balanced Acc", "test"),
    _accuracy("test_macro_f1", "Test Macro F1", "Macro F1", "test"),
    _accuracy("test_area_under_roc", "Test Area Under ROC", "ROC-AUC", "test"),
    Column(field="kept_epoch", label="Kept Epoch", short="Epoch", group="kept"),
    _accuracy("kept_validation_accuracy", "Kept Val Acc", "Val Acc", "kept"),
    _loss("kept_validation_loss", "Kept Val Loss", "Val Loss", "kept"),
    _accuracy("kept_train_accuracy", "Kept Train Acc", "Train Acc", "kept"),
    _loss("kept_train_loss", "Kept Train Loss", "Train Loss", "kept"),
    _accuracy("highest_validation_accuracy", "Highest Val Acc", "Val Acc", "any"),
    _loss("lowest_validation_loss", "Lowest Val Loss", "Val Loss", "any"),
    _accuracy("highest_train_accuracy", "Highest Train Acc", "Train Acc", "any"),
    _loss("lowest_train_loss", "Lowest Train Loss", "Train Loss", "any"),
    Column(field="host", label="Host", short="Host", group="training"),
    Column(field="engine", label="Engine", short="Engine", group="training"),
    Column(field="device", label="Device", short="Device", group="training"),
    Column(field="seconds", label="Seconds", short="Seconds", group="training", digits=SECONDS_DIGITS),
)


class SummaryRow(Message):
    """One line of the summary table; a value that is not known is None."""

    member: str
    status: Literal["trained", "failed", "average", "ensemble"]
    #: Of the weights that were kept, alone.
    test_accuracy: float | None = None
    test_loss: float | None = None
    test_brier_score: float | None = None
    #: The share by which confidence and accuracy differ, on average.
    test_expected_calibration_error: float | None = None
    #: Scores in which every class counts the same; the last is of two classes only.
    test_balanced_accuracy: float | None = None
    test_macro_f1: float | None = None
    test_area_under_roc: float | None = None
    #: The epoch, counted from 1, with the best validation accuracy, whose weights were kept; in the Average row the
    #: mean of them.
    kept_epoch: int | float | None = None
    #: Of the kept epoch, like the three below.
    kept_validation_accuracy: float | None = None
    kept_validation_loss: float | None = None
    kept_train_accuracy: float | None = None
    kept_train_loss: float | None = None
    #: The best of all epochs, each by itself: the four may be of four different epochs.
    highest_validation_accuracy: float | None = None
    lowest_validation_loss: float | None = None
    highest_train_accuracy: float | None = None
    lowest_train_loss: float | None = None
    host: str | None = None
    engine: str | None = None
    device: str | None = None
    seconds: float | None = None
    #: Why a failed member failed the last time.
    error: str | None = None


def columns(content: ReportContent) -> tuple[Column, ...]:
    """Return the columns of the table: those that the records and the evaluation fill."""
    of_records = tuple(column for column in _COLUMNS if content.records or column.group in ("member", "test"))
    measured = _MEASURED if content.evaluation.uncertainty is not None else ()
    balanced = {field for member in _of_test(content).values() for field in BALANCED if field in member}
    unknown = {*_MEASURED, *BALANCED}.difference(measured, balanced)
    return tuple(column for column in of_records if column.field not in unknown)


def summary_rows(content: ReportContent) -> tuple[SummaryRow, ...]:
    """Return one row per member in the order of their indices, then the Average row.

    Losses are rounded to 5 digits, accuracies to 4, seconds to 1; means are taken before rounding, over the
    members that were trained.
    """
    of_test = _of_test(content)
    rows = [_member_row(content, index, of_test.get(index, {})) for index in sorted({*content.records, *of_test})]
    return tuple(_rounded(row) for row in (*rows, _average(rows)))


def _member_row(content: ReportContent, index: int, of_test: Mapping[str, float]) -> SummaryRow:
    name = content.name(index)
    if index not in content.records:
        return SummaryRow(member=name, status="trained", **of_test)
    member = content.records[index].member
    trainer = member.trainer
    where = {"host": trainer.host, "engine": trainer.engine, "device": trainer.device} if trainer else {}
    if not isinstance(member, TrainedMember):
        return SummaryRow(member=name, status="failed", error=member.error, **where)
    return SummaryRow(
        member=name,
        status="trained",
        seconds=member.duration_s,
        **where,
        **of_test,
        **_of_epochs(member),
    )


def _of_test(content: ReportContent) -> dict[int, dict[str, float]]:
    """Return the fields about the test images of each evaluated member, by its index."""
    fields = {
        index: {"test_accuracy": member.test.accuracy, "test_loss": member.test.loss}
        for index, member in content.member_evaluations.items()
    }
    for index, member in content.member_evaluations.items():
        known = {} if member.balanced is None else member.balanced.model_dump(exclude_none=True)
        fields[index] |= {f"test_{name}": value for name, value in known.items()}
    for index, scores in content.member_scores.items():
        fields[index]["test_brier_score"] = scores.brier_score.value
        fields[index]["test_expected_calibration_error"] = scores.expected_calibration_error.value
    return fields


def _of_epochs(member: TrainedMember) -> dict[str, float]:
    """Return the fields about the kept epoch and about the best of all epochs."""
    kept, history = member.history[member.best_epoch - 1], member.history
    return {
        "kept_epoch": member.best_epoch,
        "kept_validation_accuracy": kept.accuracies[1],
        "kept_validation_loss": kept.validation_loss,
        "kept_train_accuracy": kept.accuracies[0],
        "kept_train_loss": kept.train_loss,
        "highest_validation_accuracy": max(epoch.accuracies[1] for epoch in history),
        "lowest_validation_loss": min(epoch.validation_loss for epoch in history),
        "highest_train_accuracy": max(epoch.accuracies[0] for epoch in history),
        "lowest_train_loss": min(epoch.train_loss for epoch in history),
    }


def _average(rows: Iterable[SummaryRow]) -> SummaryRow:
    trained = [row for row in rows if row.status == "trained"]
    averaged = [column.field for column in _COLUMNS if column.is_number]
    known = {field: [value for row in trained if (value := getattr(row, field)) is not None] for field in averaged}
    means = {field: float(fmean(values)) for field, values in known.items() if values}
    return SummaryRow(member="Average", status="average", **means)


def _rounded(row: SummaryRow) -> SummaryRow:
    digits = {column.field: column.digits for column in _COLUMNS if column.digits is not None} | {"kept_epoch": 1}
    values = {field: getattr(row, field) for field in digits}
    rounded = {field: round(value, digits[field]) for field, value in values.items() if isinstance(value, float)}
    return row.model_copy(update=rounded)
