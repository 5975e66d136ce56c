"""Encoded rows as texts for people: what the columns held, as far as the features tell."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import BooleanColumn, CategoryColumn, DateColumn, TableColumn, TablePreprocessing
from deepchord.shared.tables.encoding import unclipped

#: A missing value.
MISSING = "\u2013"
_UNKNOWN = "unknown"


def shown_rows(rows: NDArray[np.float32], preprocessing: TablePreprocessing) -> list[tuple[tuple[str, str], ...]]:
    """Return, for each row, the name and the value of each column.

    Args:
        rows: float32 [rows, features].
        preprocessing: What made them.
    """
    shown, start = [], 0
    for column in preprocessing.columns:
        shown.append([(column.name, text) for text in _texts(column, rows[:, start : start + column.features])])
        start += column.features
    return [tuple(cells) for cells in zip(*shown, strict=True)]


def number_text(number: float) -> str:
    """Return a number in four digits, or with all of those before its point."""
    return f"{number:.4g}" if abs(number) < 1e4 else f"{number:,.0f}" if abs(number) < 1e9 else f"{number:.3e}"


def _texts(column: TableColumn, features: NDArray[np.float32]) -> Iterator[str]:
    for row in features.astype(np.float64):
        yield MISSING if column.has_missing and row[-1] > 0.5 else _text(column, row)


def _text(column: TableColumn, row: NDArray[np.float64]) -> str:
    if isinstance(column, BooleanColumn):
        return "true" if row[0] > 0 else "false"
    if isinstance(column, CategoryColumn):
        names = (*column.categories, "other") if column.has_other else column.categories
        hot = row[: len(names)]
        return names[int(hot.argmax())] if hot.max() > 0.5 else _UNKNOWN
    number = float(column.center + column.scale * unclipped(row[:1])[0])
    if isinstance(column, DateColumn):
        return _date(number, column)
    return number_text(number)


def _date(days: float, column: DateColumn) -> str:
    minutes = np.clip(round(days * 1440), -1e12, 1e12)
    unit = "m" if column.has_time else "D"
    date = np.datetime64(int(minutes), "m") + np.timedelta64(0 if column.has_time else 720, "m")
    return str(date.astype(f"datetime64[{unit}]")).replace("T", " ")
