"""The summary table as the page shows it: the best value of each column marked, the ensemble as its last line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from deepchord.coordinator.report.content import ACCURACY_DIGITS, LOSS_DIGITS, ReportContent
from deepchord.coordinator.report.tables import (
    BALANCED,
    TRAINER,
    Column,
    Group,
    MemberRow,
    SummaryRow,
    columns,
    summary_rows,
    trainer_of,
)

#: More rows than this make a page slow; `summary.csv` has them all.
MAX_ROWS = 200
#: More rows than this stand in a window that scrolls.
_ROWS_IN_SIGHT = 24
#: More columns than this are printed in smaller letters.
_COLUMNS_ON_PAPER = 16
#: These columns would make the table wider than a desktop page; `summary.csv` has them, other sections the ensemble's.
_LEFT_OUT = ("test_brier_score", *BALANCED)
_HEADINGS: dict[Group, str] = {
    "member": "",
    "test": "Test",
    "kept": "Kept epoch",
    "any": "Best of any epoch",
    "training": "Training",
}


@dataclass(frozen=True, kw_only=True)
class ColumnGroup:
    """Columns below one heading."""

    heading: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value."""

    text: str
    is_number: bool
    is_best: bool = False


@dataclass(frozen=True, kw_only=True)
class MemberLine:
    """One member."""

    #: None in a line below the members.
    index: int | None
    #: How it looks: `trained`, `failed`, `average`, `ensemble`.
    status: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class MemberTable:
    """The whole table."""

    groups: tuple[ColumnGroup, ...]
    members: tuple[MemberLine, ...]
    #: The lines below the members.
    totals: tuple[MemberLine, ...]
    #: How many members there are; more than `members` if they are too many for a page.
    total: int
    #: Host, engine and device, if they are the same for all members; they then have no columns.
    trained_on: str

    @property
    def is_wide(self) -> bool:
        """Whether it has more columns than a sheet of paper holds in letters of the usual size."""
        return sum(len(group.columns) for group in self.groups) > _COLUMNS_ON_PAPER

    @property
    def scrolls(self) -> bool:
        """Whether the members stand in a window that scrolls."""
        return len(self.members) > _ROWS_IN_SIGHT


def member_table(content: ReportContent) -> MemberTable:
    """Return the table."""
    *rows, average = summary_rows(content)
    indices = sorted({*content.records, *content.member_evaluations})
    shown = tuple(column for column in columns(content) if column.field not in _LEFT_OUT)
    return table_of_members(shown, dict(zip(indices, rows, strict=True)), (average, _ensemble(content)))


def table_of_members(
    shown: tuple[Column, ...], rows: Mapping[int, MemberRow], totals: Sequence[MemberRow]
) -> MemberTable:
    """Return a table of members with the best value of each column marked.

    Args:
        shown: Its columns; those about who trained are left out if all members have the same there.
        rows: The members' rows, by their indices.
        totals: The lines below them.
    """
    trainers = {text for row in rows.values() if (text := trainer_of(row))}
    trained_on = trainers.pop() if len(trainers) == 1 else ""
    if trained_on:
        shown = tuple(column for column in shown if column.field not in TRAINER)
    best = {column.field: _best(column, rows.values()) for column in shown}
    lines = [_line(row, shown, best, index) for index, row in rows.items()]
    return MemberTable(
        groups=tuple(
            ColumnGroup(heading=_HEADINGS[group], columns=tuple(of_group))
            for group, of_group in groupby(shown, key=lambda column: column.group)
        ),
        members=tuple(lines[:MAX_ROWS]),
        totals=tuple(_line(row, shown, {}, None) for row in totals),
        total=len(lines),
        trained_on=trained_on,
    )


def _line(row: MemberRow, shown: tuple[Column, ...], best: Mapping[str, float | None], index: int | None) -> MemberLine:
    cells = []
    for column in shown:
        value = getattr(row, column.field)
        is_best = value is not None and value == best.get(column.field)
        cells.append(Cell(text=column.text(row), is_number=column.is_number, is_best=is_best))
    return MemberLine(index=index, status=row.status, cells=tuple(cells))


def _best(column: Column, rows: Iterable[MemberRow]) -> float | None:
    values = [value for row in rows if (value := getattr(row, column.field)) is not None]
    if column.best is None or len(values) < 2:
        return None
    return float(min(values) if column.best == "lowest" else max(values))


def _ensemble(content: ReportContent) -> SummaryRow:
    """Return the ensemble's line; of its scores only those on test images compare with the members'."""
    test, uncertainty = content.evaluation.test, content.evaluation.uncertainty
    row = SummaryRow(
        member="Ensemble",
        status="ensemble",
        test_loss=round(test.loss, LOSS_DIGITS),
        test_accuracy=round(test.accuracy, ACCURACY_DIGITS),
    )
    if uncertainty is None:
        return row
    brier, error = uncertainty.mean.brier_score, uncertainty.mean.expected_calibration_error
    measured = {"test_brier_score": brier.value, "test_expected_calibration_error": error.value}
    return row.model_copy(update={field: round(value, LOSS_DIGITS) for field, value in measured.items()})
