"""Columns as values of one kind: numbers, truth values, texts or dates; an error names row and column."""

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.dates import date_of_text
from deepchord.shared.tables.table import Column
from deepchord.shared.validation import shortened

#: Texts that stand for a missing value, in small letters.
MISSING_TEXTS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nat", "?"})
_TRUTHS = {"true": True, "false": False, "yes": True, "no": False}
#: Whole numbers above this are shown with an exponent.
_LONG = 1e15
_NO_DATE = np.datetime64("NaT", "us")


def is_missing(value: object) -> bool:
    """Return whether a value, or the text of one, stands for a missing one."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().lower() in MISSING_TEXTS
    return isinstance(value, float | np.floating | Decimal) and math.isnan(value)


def missing_rows(column: Column) -> NDArray[np.bool_]:
    """Return which rows of a column have no value, [rows]."""
    if column.dtype.kind == "f":
        return np.asarray(np.isnan(column))
    if column.dtype.kind == "M":
        return np.asarray(np.isnat(column))
    if column.dtype.kind == "O":
        return np.fromiter(map(is_missing, column), dtype=np.bool_, count=len(column))
    return np.zeros(len(column), dtype=np.bool_)


def as_numbers(column: Column, name: str, source: str) -> NDArray[np.float64]:
    """Return a column as finite numbers, NaN where one is missing.

    Raises:
        DatasetError: A value is no number, or infinite.
    """
    if column.dtype.kind == "O":
        numbers = _converted(column, number_of, np.nan, np.float64, ("a number", name, source))
    elif column.dtype.kind in "bf":
        numbers = column.astype(np.float64)
    else:
        raise _unexpected(column[0], 0, "a number", name, source)
    infinite = np.isinf(numbers)
    if infinite.any():
        raise _unexpected(column[infinite][0], int(np.argmax(infinite)), "a finite number", name, source)
    return np.asarray(numbers)


def as_booleans(column: Column, name: str, source: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a column as truth values, and which of them are missing.

    Raises:
        DatasetError: A value is neither true nor false.
    """
    missing = missing_rows(column)
    if column.dtype.kind == "b":
        return column, missing
    values = _converted(column, boolean_of, False, np.bool_, ("true or false", name, source))
    return values, missing


def as_texts(column: Column) -> NDArray[np.object_]:
    """Return a column as texts, None where one is missing; a whole number has no decimal point."""
    texts = np.empty(len(column), dtype=object)
    texts[:] = [None if is_missing(value) else text_of(value) for value in column.tolist()]
    return texts


def as_dates(column: Column, name: str, source: str) -> NDArray[np.datetime64]:
    """Return a column as dates, datetime64[us], NaT where one is missing.

    Raises:
        DatasetError: A value is no date.
    """
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    what = ("a date such as 2026-01-31", name, source)
    return _converted(column, date_of, _NO_DATE, np.dtype("datetime64[us]"), what)


def number_of(value: object) -> float | None:
    """Return a value as a number; None if it is none."""
    if isinstance(value, bool | int | float | Decimal | np.number | np.bool_):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if not isinstance(value, str) or "_" in value:  # Python takes 1_000
        return None
    try:
        return float(value)
    except ValueError:
        return None


def boolean_of(value: object) -> bool | None:
    """Return a value as a truth value; None if it is none."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float | np.number) and value in (0, 1) else None


def date_of(value: object) -> np.datetime64 | None:
    """Return a value as a date; None if it is none."""
    if isinstance(value, str):
        return date_of_text(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, np.datetime64):
        return np.datetime64(value.astype("datetime64[us]"))
    return np.datetime64(value, "us") if isinstance(value, dt.date) else None


def text_of(value: object) -> str:
    """Return a value as a text that UTF-8 can hold; 1.0 is `1`, as whole numbers are."""
    if isinstance(value, float | np.floating | Decimal) and float(value).is_integer():
        value = int(value)
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return str(value).strip().encode("utf-8", "replace").decode("utf-8")


def shown_value(value: object) -> str:
    """Return a value in at most 60 characters for errors: texts in quotes, all others as they are written in files."""
    if isinstance(value, float | np.floating) and not abs(float(value)) < _LONG:
        return repr(float(value))
    return shortened(value) if isinstance(value, str | bytes) else f"{text_of(value):.60}"


def _converted(
    column: Column,
    convert: Callable[[object], Any],
    missing: object,
    dtype: Any,
    expected: tuple[str, str, str],
) -> NDArray[Any]:
    """Return the converted values; `expected` says what, by the name of which column, from where."""
    found = np.empty(len(column), dtype=dtype)
    for row, value in enumerate(column.tolist() if column.dtype.kind != "M" else column):
        if is_missing(value):
            found[row] = missing
            continue
        converted = convert(value)
        if converted is None:
            raise _unexpected(value, row, *expected)
        found[row] = converted
    return found


def _unexpected(value: object, row: int, expected: str, name: str, source: str) -> DatasetError:
    return DatasetError(f"{source}: row {row + 1}, column {name!r} holds {shown_value(value)}; expected {expected}.")
