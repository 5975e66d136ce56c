"""The columns of a table: of which kind they are, and what is typical of each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.coordinator.report.content import count
from deepchord.shared.datasets import Dataset
from deepchord.shared.messages import CategoryColumn, TablePreprocessing
from deepchord.shared.tables import DROP_WORDS, shown_rows

#: More columns or classes would make the page slow, and nobody reads them.
MAX_COLUMNS, MAX_COLUMN_CLASSES = 60, 12


@dataclass(frozen=True, kw_only=True)
class ColumnLine:
    """A column, and a typical value for each class, or for other parts of the rows, as far as they are shown."""

    name: str
    kind: str
    values: tuple[str, ...]


def column_lines(dataset: Dataset) -> tuple[ColumnLine, ...]:
    """Return the columns of a table with the median, or the most frequent value, of each class; none of images."""
    if dataset.table is None:
        return ()
    shown = shown_rows(typical_rows(_by_class(dataset), dataset.table), dataset.table)
    return tuple(
        ColumnLine(name=column.name, kind=column.kind, values=tuple(row[place][1] for row in shown))
        for place, column in enumerate(dataset.table.columns[:MAX_COLUMNS])
    )


def table_sentences(table: TablePreprocessing) -> tuple[str, ...]:
    """Return in words which columns are left out."""
    left_out = [f"{each.name} ({DROP_WORDS[each.reason]})" for each in table.dropped[:MAX_COLUMNS]]
    return (f"Left out: {', '.join(left_out)}.",) if left_out else ()


def table_kind(table: TablePreprocessing) -> str:
    """Return in words how large the rows of a table are."""
    columns = count(len(table.columns), "column")
    return columns if table.features == len(table.columns) else f"{columns} as {table.features:,} features"


def typical_rows(parts: Sequence[NDArray[np.float32]], table: TablePreprocessing) -> NDArray[np.float32]:
    """Return a row for each part, float32 [parts, features]: the median of its rows, one category each.

    Args:
        parts: The rows of each part, [rows, features]; a part may be empty.
        table: What made them.
    """
    rows = np.zeros((len(parts), table.features), dtype=np.float32)
    for row, own in zip(rows, parts, strict=True):
        if len(own):
            row[:] = np.median(own, axis=0)
            _choose_categories(row, own.mean(axis=0), table)
    return rows


def _by_class(dataset: Dataset) -> list[NDArray[np.float32]]:
    classes = min(len(dataset.class_names), MAX_COLUMN_CLASSES)
    return [dataset.x_train[dataset.y_train == index] for index in range(classes)]


def _choose_categories(row: NDArray[np.float32], mean: NDArray[np.float32], table: TablePreprocessing) -> None:
    """Set the most frequent category of each column of texts to 1 and the others to 0."""
    start = 0
    for column in table.columns:
        if isinstance(column, CategoryColumn):
            end = start + len(column.categories) + column.has_other
            row[start:end] = np.arange(end - start) == mean[start:end].argmax()
        start += column.features
