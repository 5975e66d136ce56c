"""Applies a preprocessing to rows: what a network takes follows from the row and the preprocessing alone."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import (
    BooleanColumn,
    CategoryColumn,
    DateColumn,
    NumberColumn,
    TableColumn,
    TablePreprocessing,
)
from deepchord.shared.tables.dates import cycles, days
from deepchord.shared.tables.table import Column, Table
from deepchord.shared.tables.values import as_booleans, as_dates, as_numbers, as_texts, missing_rows
from deepchord.shared.validation import suggestion, with_full_stop

#: Features of numbers lie within this distance of 0, with hardly a change near 0 (Holzmüller et al. 2024, section 3.1).
_FARTHEST = 3.0
#: So that no square becomes infinite.
_LARGEST = 1e150
#: An error names at most so many columns.
_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedRows:
    """Rows as a network takes them, and what was noticed."""

    #: float32 [rows, features].
    features: NDArray[np.float32]
    #: How many values of each column are categories that the training did not know.
    unknown: Counter[str] = field(default_factory=Counter)
    #: Columns of the table that are no input.
    extra: tuple[str, ...] = ()


def encode_rows(table: Table, preprocessing: TablePreprocessing) -> EncodedRows:
    """Return the rows of a table as a network takes them; its columns may stand in any order.

    Raises:
        DatasetError: A column is missing, or a value is not of the kind that its column had in training.
    """
    for name in preprocessing.names:
        if name not in table.columns:
            hint = with_full_stop(suggestion(name, list(table.columns)[:_MOST_NAMED]))
            raise DatasetError(f"{table.source} has no column {name!r}, with which the networks were trained{hint}")
    unknown: Counter[str] = Counter()
    parts: list[NDArray[Any]] = []
    for column in preprocessing.columns:
        values = table.columns[column.name]
        parts.extend(_encoded(column, values, table.source))
        if isinstance(column, CategoryColumn) and not column.has_other:
            unknown[column.name] = _unknown(column, values)
    known = {*preprocessing.names, *preprocessing.targets, *(each.name for each in preprocessing.dropped)}
    return EncodedRows(
        features=np.concatenate(parts, axis=1, dtype=np.float32),
        unknown=+unknown,
        extra=tuple(name for name in table.columns if name not in known),
    )


def checked_rows(rows: NDArray[Any], label: str) -> NDArray[np.float32]:
    """Return encoded rows as float32 [rows, features], C-contiguous.

    Raises:
        DatasetError: They have another shape or type, or hold a value that is not finite.
    """
    if rows.ndim != 2 or 0 in rows.shape or rows.dtype.kind not in "buif":
        raise DatasetError(f"{label}: expected numbers as [rows, features], found {rows.dtype} {list(rows.shape)}.")
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(rows, dtype=np.float32)
    finite = np.isfinite(found)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        raise DatasetError(f"{label}: row {row + 1}, feature {column + 1} is not finite (NaN or infinity) in float32.")
    return found


def feature_names(preprocessing: TablePreprocessing) -> tuple[str, ...]:
    """Return what each feature is called, in their order."""
    return tuple(name for column in preprocessing.columns for name in _names(column))


def clipped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers that lie within 3 of 0, hardly changed near 0: a far value does not outweigh all others."""
    near = np.clip(values, -_LARGEST, _LARGEST)
    return np.asarray(near / np.sqrt(1 + (near / _FARTHEST) ** 2))


def unclipped(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers that `clipped` was given; of very far ones only about how far they are."""
    near = np.clip(features, -_FARTHEST * (1 - 1e-7), _FARTHEST * (1 - 1e-7))
    return np.asarray(near / np.sqrt(1 - (near / _FARTHEST) ** 2))


def scaled_numbers(values: NDArray[np.float64], center: float, scale: float) -> NDArray[np.float64]:
    """Return numbers as features [rows, 1]; a missing one (NaN) is the center."""
    with np.errstate(over="ignore"):
        distances = (np.clip(values, -_LARGEST, _LARGEST) - center) / scale
    return np.nan_to_num(clipped(distances), nan=0.0)[:, None]


def _encoded(column: TableColumn, values: Column, source: str) -> Iterator[NDArray[Any]]:
    """Yield the features of a column, [rows, some] each."""
    match column:
        case NumberColumn():
            numbers = as_numbers(values, column.name, source)
            yield scaled_numbers(numbers, column.center, column.scale)
        case BooleanColumn():
            truths, missing = as_booleans(values, column.name, source)
            yield np.where(missing, column.usual, truths)[:, None] * 2.0 - 1.0
        case DateColumn():
            numbers = days(as_dates(values, column.name, source))
            yield scaled_numbers(numbers, column.center, column.scale)
            yield cycles(numbers, with_time=column.has_time)
        case CategoryColumn():
            yield _one_hot(column, values)
    if column.has_missing:
        yield missing_rows(values)[:, None].astype(np.float32)


def _one_hot(column: CategoryColumn, values: Column) -> NDArray[np.float32]:
    places = _places(column, values)
    width = len(column.categories) + column.has_other
    hot = np.zeros((len(places), width), dtype=np.float32)
    rows = np.flatnonzero((places >= 0) & (places < width))
    hot[rows, places[rows]] = 1
    return hot


def _places(column: CategoryColumn, values: Column) -> NDArray[np.int64]:
    """Return the place of each value's category: that after the last for one that is not known, -1 if it is missing."""
    places = {name: place for place, name in enumerate(column.categories)}
    after = len(places)
    texts = as_texts(values)
    return np.fromiter((-1 if text is None else places.get(text, after) for text in texts), np.int64, len(texts))


def _unknown(column: CategoryColumn, values: Column) -> int:
    return int((_places(column, values) == len(column.categories)).sum())


def _names(column: TableColumn) -> Iterator[str]:
    if isinstance(column, CategoryColumn):
        yield from (f"{column.name}={category}" for category in column.categories)
        if column.has_other:
            yield f"{column.name}=other"
    else:
        yield column.name
    if isinstance(column, DateColumn):
        of = ("year", "week", "day")[: 3 if column.has_time else 2]
        yield from (f"{column.name} {function} of {what}" for what in of for function in ("sine", "cosine"))
    if column.has_missing:
        yield f"{column.name} is missing"
