"""What the columns of a table hold: their kinds, their ranges or most frequent values, and how many are missing."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from pydantic import NonNegativeInt

from deepchord.shared.messages import DatasetFinding, DropReason, TablePreprocessing
from deepchord.shared.tables import (
    DROP_WORDS,
    ColumnKind,
    Table,
    as_dates,
    as_numbers,
    as_texts,
    column_kind,
    has_time,
    missing_rows,
)
from deepchord.shared.validation import Message

if TYPE_CHECKING:
    from deepchord.shared.datasets.dataset import Dataset

#: The kind of the finding that columns are left out.
LEFT_OUT = "columns_left_out"
#: So many of the most frequent values are told.
_FREQUENT = 5
#: So many columns are named.
_NAMED = 5


class ValueCount(Message):
    """In how many training rows a value is."""

    value: str
    rows: NonNegativeInt


class ColumnOutline(Message):
    """What a column of a table holds; its values are those of the training rows."""

    name: str
    #: None: all values of the training rows are missing.
    kind: ColumnKind | None
    #: How many values of the networks' input stand for it.
    features: NonNegativeInt
    #: Why it is no input; None: it is.
    left_out: DropReason | None = None
    missing_train: NonNegativeInt = 0
    missing_test: NonNegativeInt = 0
    #: How many different values there are.
    distinct: NonNegativeInt = 0
    #: Of numbers and dates, these in ISO 8601.
    lowest: float | str | None = None
    highest: float | str | None = None
    #: Of categories and truth values, the most frequent ones first.
    frequent: tuple[ValueCount, ...] = ()


def column_outlines(dataset: "Dataset") -> tuple[ColumnOutline, ...]:
    """Return what the columns of a table hold, in their order; none of images, or without the rows as they were."""
    if dataset.table is None or dataset.rows is None:
        return ()
    train, test = dataset.rows
    return tuple(_outline(name, dataset.table, train, test) for name in dataset.table.all_names)


def left_out_findings(table: TablePreprocessing) -> Iterator[DatasetFinding]:
    """Yield which columns are no input, a finding for each reason.

    Those with one value or none are a note: they tell nothing. Identifiers and row numbers are a warning.
    """
    for reason, words in DROP_WORDS.items():
        names = [repr(each.name) for each in table.dropped if each.reason == reason]
        if not names:
            continue
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        are = "Column {} is" if len(names) == 1 else "Columns {} are"
        yield DatasetFinding(
            kind=LEFT_OUT,
            level="warning" if reason in ("identifier", "row_number") else "note",
            text=f"{are.format(', '.join(names[:_NAMED]) + more)} left out ({words}).",
        )


def _outline(name: str, table: TablePreprocessing, train: Table, test: Table) -> ColumnOutline:
    values = train.columns[name]
    missing = missing_rows(values)
    outline = ColumnOutline(
        name=name,
        kind=column_kind(values),
        features=next((each.features for each in table.columns if each.name == name), 0),
        left_out=next((each.reason for each in table.dropped if each.name == name), None),
        missing_train=int(missing.sum()),
        # A test of its own may lack a column that is left out.
        missing_test=int(missing_rows(test.columns[name]).sum()) if name in test.columns else test.size,
    )
    known = values[~missing]
    match outline.kind:
        case None:
            return outline
        case "number":
            numbers = np.unique(as_numbers(known, name, train.source))
            found = {"distinct": len(numbers), "lowest": float(numbers[0]), "highest": float(numbers[-1])}
            return outline.model_copy(update=found)
        case "date":
            dates = np.unique(as_dates(known, name, train.source))
            unit = "m" if has_time(dates) else "D"
            ends = [str(date.astype(f"datetime64[{unit}]")).replace("T", " ") for date in (dates[0], dates[-1])]
            return outline.model_copy(update={"distinct": len(dates), "lowest": ends[0], "highest": ends[1]})
    counted = Counter(as_texts(known).tolist())
    first = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_FREQUENT]
    frequent = tuple(ValueCount(value=value, rows=rows) for value, rows in first)
    return outline.model_copy(update={"distinct": len(counted), "frequent": frequent})
