"""Columns of a CSV file as numbers or texts: whether a comma in them begins the fraction or parts the thousands."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.table import Column
from deepchord.shared.tables.values import MISSING_TEXTS

_WITH_FRACTION = r"^[+-]?\d+,\d+$"
_WITH_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"
_WHOLE = r"^[+-]?\d+$"
_WITH_POINT = r"^[+-]?\d*\.\d+$"
#: A point that may part thousands says nothing of commas.
_WITH_POINT_OF_THOUSANDS = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"

#: What the commas of a column are: `either` if each has one to three digits before it and three behind it.
_Commas: TypeAlias = Literal["fraction", "thousands", "either"]


def csv_columns(
    polars: Any, series: Mapping[str, Any], source: str, *, commas_in_numbers: bool, as_text: Collection[str]
) -> dict[str, Column]:
    """Return columns of texts, as numbers where all of their texts are some.

    Args:
        polars: The library.
        series: Its series of texts, by the names of the columns.
        source: What the file is called in errors.
        commas_in_numbers: Whether a comma may stand in a number, as it does not separate the columns.
        as_text: Columns that stay texts.

    Raises:
        DatasetError: 1,200 may be 1.2 or 1200, and no column tells.
    """
    known = {name: _known(each) for name, each in series.items()}
    asked = [name for name in known if name not in as_text]
    written = {name: _commas(known[name]) for name in asked} if commas_in_numbers else {}
    if "either" in written.values():
        told = {each for each in written.values() if each not in (None, "either")}
        if any(_has_fractions(polars, known[name]) for name in asked):
            told.add("thousands")
        if len(told) != 1:
            name = next(name for name, each in written.items() if each == "either")
            raise _ambiguous(known[name], name, source)
        written = {name: told.copy().pop() if each == "either" else each for name, each in written.items()}
    return {
        name: _texts_or_numbers(polars, each, written.get(name), stays=name in as_text) for name, each in known.items()
    }


def _known(series: Any) -> Any:
    """Return texts without blanks around them, None where one stands for a missing value."""
    stripped = series.str.strip_chars()
    return stripped.set(stripped.str.to_lowercase().is_in(list(MISSING_TEXTS)) | stripped.is_null(), None)


def _commas(known: Any) -> _Commas | None:
    """Return what the commas of a column are; None: it has none, or is not of numbers."""
    known = known.drop_nulls()
    has_comma = known.str.contains(",", literal=True)
    with_comma, others = known.filter(has_comma), known.filter(~has_comma)
    if not len(with_comma):
        return None
    whole = bool(others.str.contains(_WHOLE).all())
    fraction = whole and bool(with_comma.str.contains(_WITH_FRACTION).all())
    thousands = bool(with_comma.str.contains(_WITH_THOUSANDS).all()) and bool(
        (others.str.contains(_WHOLE) | others.str.contains(_WITH_POINT)).all()
    )
    if fraction and thousands:
        return "either"
    return "fraction" if fraction else "thousands" if thousands else None


def _has_fractions(polars: Any, known: Any) -> bool:
    """Return whether a column is of numbers with a decimal point: then no comma of the file is one."""
    known = known.drop_nulls()
    with_point = known.filter(known.str.contains(_WITH_POINT))
    if not len(with_point) or with_point.str.contains(_WITH_POINT_OF_THOUSANDS).all():
        return False
    return not known.cast(polars.Float64, strict=False).has_nulls()


def _texts_or_numbers(polars: Any, known: Any, commas: str | None, *, stays: bool) -> Column:
    """Return a column of texts, or of numbers if all of its texts are some, and it does not stay as it is."""
    if not stays:
        texts = known
        if commas is not None:
            texts = known.str.replace_all(",", "." if commas == "fraction" else "", literal=True)
        numbers = texts.cast(polars.Float64, strict=False)
        if numbers.null_count() == known.null_count() < len(numbers):
            return np.asarray(numbers.to_numpy(), dtype=np.float64)
    column = np.empty(len(known), dtype=object)
    column[:] = known.to_list()
    return column


def _ambiguous(known: Any, name: str, source: str) -> DatasetError:
    row = int(known.str.contains(",", literal=True).fill_null(value=False).arg_max())
    text = known[row]
    return DatasetError(
        f"{source}: row {row + 1}, column {name!r} holds {text}, which may be {text.replace(',', '.')} or "
        f"{text.replace(',', '')}, and no column tells which: write the numbers of this column with a point, or "
        "without the comma."
    )
