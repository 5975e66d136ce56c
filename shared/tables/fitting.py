"""Fits the preprocessing of a table to its training rows: what kind each column is, and how it becomes features."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import (
    BooleanColumn,
    CategoryColumn,
    DateColumn,
    DroppedColumn,
    DropReason,
    NumberColumn,
    TableColumn,
    TablePreprocessing,
)
from deepchord.shared.tables.dates import date_of_text, days, has_time
from deepchord.shared.tables.table import Column, Table
from deepchord.shared.tables.values import as_dates, as_numbers, as_texts, boolean_of, missing_rows, number_of
from deepchord.shared.tables.wording import DROP_WORDS
from deepchord.shared.validation import shortened

#: A column has at most so many categories of its own; all rarer ones together are one more.
MAX_CATEGORIES = 32
#: With fewer rows nothing is an identifier.
_MIN_ROWS = 20
#: Texts are identifiers, or prose, if more than this share of them are different.
_IDENTIFIER_SHARE = 0.9
#: A longer text is prose.
_LONGEST_CATEGORY = 200
#: If so many of a column's texts are numbers, the others are mistakes.
_MOSTLY = 0.9
#: Larger numbers count as this: sums and squares of them are finite.
_LARGEST = 1e150
#: So that a division by it is finite.
_SMALLEST_SCALE = 1e-150

#: What all values of a column are that are not missing.
ColumnKind = Literal["number", "boolean", "date", "category"]


def fit_preprocessing(table: Table, targets: Sequence[str], *, row_numbers: Collection[str] = ()) -> TablePreprocessing:
    """Return the preprocessing that training rows give.

    Columns with one value or none are left out, and those in which each row has its own text and those that count the
    rows.

    Args:
        table: The training rows, without the columns that are predicted.
        targets: The names of those columns.
        row_numbers: The names of columns that count the rows.

    Raises:
        DatasetError: No column is left, or one holds values that do not belong together.
    """
    columns: list[TableColumn] = []
    dropped: list[DroppedColumn] = []
    for place, (name, values) in enumerate(table.columns.items()):
        found = "row_number" if name in row_numbers else _fitted(values, name, table.source)
        if isinstance(found, str):
            dropped.append(DroppedColumn(name=name, reason=found, place=place))
        else:
            columns.append(found)
    if not columns:
        reasons = (
            ", ".join(f"{each.name!r} is {DROP_WORDS[each.reason]}" for each in dropped[:10]) or "there is no other"
        )
        raise DatasetError(f"{table.source} has no column to predict {targets[0]!r} from: {reasons}.")
    target, *further = targets
    return TablePreprocessing(
        target=target, columns=tuple(columns), dropped=tuple(dropped), further_targets=tuple(further)
    )


def counting_columns(table: Table) -> tuple[str, ...]:
    """Return the names of columns that count the rows of a whole table, from 0 or 1."""
    steps = np.arange(table.size)
    return tuple(
        name
        for name, values in table.columns.items()
        if table.size >= _MIN_ROWS
        and values.dtype == np.float64
        and values[0] in (0, 1)
        and np.array_equal(values, values[0] + steps)
    )


def column_kind(values: Column) -> ColumnKind | None:
    """Return of which kind the values of a column are; None: all are missing."""
    known = values[~missing_rows(values)]
    return _kind(known) if len(known) else None


def _fitted(values: Column, name: str, source: str) -> TableColumn | DropReason:
    missing = missing_rows(values)
    known = values[~missing]
    has_missing = bool(missing.any())
    if len(known) == 0:
        return "empty"
    match _kind(known):
        case "number":
            return _number(as_numbers(values, name, source), name, has_missing=has_missing)
        case "boolean":
            return _boolean(known, name, has_missing=has_missing)
        case "date":
            return _date(as_dates(values, name, source), name, has_missing=has_missing)
    texts = as_texts(known).tolist()
    _check_alike(values, name, source)
    return _category(texts, name, len(values), has_missing=has_missing)


def _kind(known: Column) -> ColumnKind:
    """Return what the values of a column are that are not missing."""
    by_type: dict[str, ColumnKind] = {"f": "number", "b": "boolean", "M": "date"}
    if known.dtype.kind != "O":
        return by_type[known.dtype.kind]
    values = known.tolist()
    if all(isinstance(value, bool) for value in values):
        return "boolean"
    if all(number_of(value) is not None for value in values):
        return "number"
    if all(not isinstance(value, int | float) and boolean_of(value) is not None for value in values):
        return "boolean"
    if all(_is_date(value) for value in values):
        return "date"
    return "category"


def _is_date(value: object) -> bool:
    return date_of_text(value) is not None if isinstance(value, str) else hasattr(value, "year")


def _number(numbers: NDArray[np.float64], name: str, *, has_missing: bool) -> NumberColumn | DropReason:
    known = numbers[~np.isnan(numbers)]
    if known.min() == known.max() and not has_missing:
        return "constant"
    center, scale = _scale(known)
    return NumberColumn(name=name, center=center, scale=scale, has_missing=has_missing)


def _scale(known: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median, and the distance of the quartiles; half of the range if that is 0, and 1 if that is 0, too."""
    values = np.clip(known, -_LARGEST, _LARGEST)
    low, center, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    scale = high - low or (float(values.max()) - float(values.min())) / 2 or 1.0
    return center, max(scale, _SMALLEST_SCALE)


def _boolean(known: Column, name: str, *, has_missing: bool) -> BooleanColumn | DropReason:
    truths = [bool(boolean_of(value)) for value in known.tolist()]
    share = sum(truths) / len(truths)
    if share in (0, 1) and not has_missing:
        return "constant"
    return BooleanColumn(name=name, usual=share >= 0.5, has_missing=has_missing)


def _date(dates: NDArray[np.datetime64], name: str, *, has_missing: bool) -> DateColumn | DropReason:
    numbers = days(dates)
    known = numbers[~np.isnan(numbers)]
    if known.min() == known.max() and not has_missing:
        return "constant"
    center, scale = _scale(known)
    return DateColumn(name=name, center=center, scale=scale, has_time=has_time(dates), has_missing=has_missing)


def _category(texts: list[str], name: str, rows: int, *, has_missing: bool) -> CategoryColumn | DropReason:
    counted = Counter(texts)
    if len(counted) == 1 and not has_missing:
        return "constant"
    if rows >= _MIN_ROWS and len(texts) >= _MIN_ROWS and len(counted) > _IDENTIFIER_SHARE * len(texts):
        return "identifier"
    if max(map(len, counted)) > _LONGEST_CATEGORY:
        return "identifier"
    # The most frequent ones; of equally frequent ones the first by name, whatever the order of the rows.
    kept = sorted(counted, key=lambda text: (-counted[text], text))[:MAX_CATEGORIES]
    has_other = len(counted) > MAX_CATEGORIES
    return CategoryColumn(name=name, categories=tuple(sorted(kept)), has_other=has_other, has_missing=has_missing)


def _check_alike(values: Column, name: str, source: str) -> None:
    """Raise `DatasetError` if all but a few different values are numbers: the others are mistakes, not categories."""
    listed = values.tolist()
    numbers = {value for value in listed if isinstance(value, str) and number_of(value) is not None}
    if len(numbers) < MAX_CATEGORIES or len(numbers) < _MOSTLY * len({str(value) for value in listed}):
        return
    row = next(row for row, value in enumerate(listed) if isinstance(value, str) and _is_odd(value))
    raise DatasetError(
        f"{source}: row {row + 1}, column {name!r} holds {shortened(listed[row])}, and others hold numbers; correct "
        "it, or leave it empty if it is missing."
    )


def _is_odd(value: str) -> bool:
    return number_of(value) is None and not missing_rows(np.array([value], dtype=object))[0]
