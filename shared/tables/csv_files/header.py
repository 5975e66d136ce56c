"""Whether the first line of a CSV file names its columns, or is a row as the others."""

import logging
import math
from collections.abc import Sequence

from deepchord.shared.tables.dates import date_of_text
from deepchord.shared.tables.values import is_missing, number_of
from deepchord.shared.validation import shortened

#: So many names that are numbers count columns.
_FEWEST_COUNTED = 2

logger = logging.getLogger(__name__)


def has_header(lines: Sequence[Sequence[str]], source: str) -> bool:
    """Return whether the first line names the columns: it holds texts, and no values like those below it.

    Args:
        lines: The fields of the first lines; at least one line.
        source: What the file is called where the answer is not sure, which is logged.
    """
    first, below = lines[0], lines[1:]
    columns = [[line[place] for line in below if place < len(line)] for place in range(len(first))]
    if _counts(first, columns):
        return True
    names = [field for field, column in zip(first, columns, strict=True) if _is_name_of_values(field, column)]
    if names:
        alike = [field for field, column in zip(first, columns, strict=True) if _is_like(field, column)]
        is_row = len(alike) > len(names) and any(map(_is_fraction, alike))
        if alike:
            _warn(source, names[0], alike[0], is_row=is_row)
        return not is_row
    names = [field.strip() for field in first if field.strip()]
    if any(_is_value(name) for name in names) or not names:
        return False
    if any(any(map(_is_value, column)) for column in columns):
        return True
    # All columns are texts: what stands in the first line and again below it is a category, not a name.
    again = sum(field in column for field, column in zip(first, columns, strict=True))
    return 2 * again <= len(first)


def _warn(source: str, name: str, value: str, *, is_row: bool) -> None:
    logger.warning(
        "The first line of %s is taken for %s: %s stands above numbers or dates, but %s is like the values below it. "
        "Give %s if that is wrong.",
        source,
        "a row" if is_row else "the names of the columns",
        shortened(name),
        shortened(value),
        "--header (in Python header=True)" if is_row else "--no-header (in Python header=False)",
        extra={"action": "header_guessed"},
    )


def _is_like(field: str, column: Sequence[str]) -> bool:
    """Return whether a field is a number between those below it."""
    number, numbers = _number(field), [_number(each) for each in column if not is_missing(each)]
    known = [each for each in numbers if each is not None]
    if number is None or len(known) < len(numbers) or not known:
        return False
    return min(known) <= number <= max(known)


def _number(field: str) -> float | None:
    """Return a field as a finite number; None if it is none."""
    found = None if is_missing(field) else number_of(field.strip().replace(",", "."))
    return found if found is None or math.isfinite(found) else None


def _is_name_of_values(field: str, column: Sequence[str]) -> bool:
    """Return whether a field is a text, and all below it are numbers or dates: whatever else is a name, this is one."""
    if is_missing(field) or _is_value(field) or not any(map(str.isalnum, field)):
        return False
    known = [each for each in column if not is_missing(each)]
    return bool(known) and all(map(_is_value, known))


def _counts(first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line counts columns, 0, 1 and so on, that hold fractions: pandas writes such names."""
    places = [place for place, field in enumerate(first) if _is_value(field)]
    if len(places) < _FEWEST_COUNTED or [first[place].strip() for place in places] != [*map(str, range(len(places)))]:
        return False
    return any(_is_fraction(each) for place in places for each in columns[place])


def _is_fraction(field: str) -> bool:
    number = _number(field)
    return number is not None and number != round(number)


def _is_value(field: str) -> bool:
    """Return whether a field is a number or a date, which no column is called."""
    text = field.strip()
    if is_missing(text):
        return False
    return number_of(text.replace(",", ".")) is not None or date_of_text(text) is not None
