"""The columns of a table that are predicted: which they are, and their classes or numbers."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.labels import label_texts
from deepchord.shared.tables.table import Table
from deepchord.shared.tables.values import as_numbers, as_texts, missing_rows, number_of, shown_value
from deepchord.shared.validation import suggestion, with_full_stop

#: A column with one of these names, in any letters, is predicted if none is asked for; else the last one.
USUAL_NAMES = ("target", "label", "class", "y")
#: Numbers with more different values than this, and fewer rows for each than that, are measurements.
_MANY_VALUES, _FEW_ROWS = 20, 5
#: If so many of the different values are numbers, the others are mistakes rather than classes.
_NEARLY_ALL = 0.9
#: Larger numbers lose their square in float64.
LARGEST_TARGET = 1e100

logger = logging.getLogger(__name__)


def find_targets(table: Table, asked: str | None) -> tuple[str, ...]:
    """Return the names of the columns that are predicted; which one is logged if nobody asked for it.

    Args:
        table: The table.
        asked: The name of a column, or several with commas between them.

    Raises:
        DatasetError: There is no such column, or no other one.
    """
    names = list(table.columns)
    if len(names) < 2:
        raise DatasetError(
            f"{table.source} has one column, {names[0]!r}; expected at least two, of which one is predicted, with "
            "commas, semicolons, tabs or bars between them."
        )
    if asked is not None:
        wanted = (asked,) if asked in table.columns else tuple(dict.fromkeys(name.strip() for name in asked.split(",")))
        for name in wanted:
            if name not in table.columns:
                hint = with_full_stop(suggestion(name, names[:20]))
                raise DatasetError(f"{table.source} has no column {name!r} to predict{hint}")
        if len(wanted) == len(names):
            raise DatasetError(
                f"{table.source} has no other columns than those to predict: it needs some to learn from."
            )
        return wanted
    usual = [name for wanted in USUAL_NAMES for name in names if name.lower() == wanted]
    target = usual[0] if usual else names[-1]
    logger.warning(
        "Column %r of %s is predicted, %s; --target (in Python target=) names another.",
        target,
        table.source,
        "by its name" if usual else "the last one",
        extra={"action": "target_chosen"},
    )
    return (target,)


def looks_like_numbers(table: Table, target: str) -> bool:
    """Return whether a column holds measurements rather than classes: many different numbers, or fractions.

    Raises:
        DatasetError: Nearly all values are measurements, and some are no numbers.
    """
    column = table.columns[target]
    texts = as_texts(column).tolist()
    numbers = {text: number_of(text) for text in texts if text is not None}
    odd = {text for text, number in numbers.items() if number is None}
    fractions = any(number is not None and number != np.rint(number) for number in numbers.values())
    different, rows = len(numbers) - len(odd), sum(text is not None and text not in odd for text in texts)
    measured = (different > _MANY_VALUES and rows < _FEW_ROWS * different) or (fractions and different > _FEW_ROWS)
    if odd and measured and different > _MANY_VALUES and different >= _NEARLY_ALL * len(numbers):
        row = next(place for place, text in enumerate(texts) if text in odd)
        raise DatasetError(
            f"{table.source}: row {row + 1}, column {target!r} holds {shown_value(texts[row])}, and nearly all others "
            "hold numbers: correct it, or leave the field empty; if they are classes, give --task classification (in "
            "Python task=)."
        )
    return measured and not odd


def target_numbers(table: Table, targets: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers to predict, [rows that have all of them, targets], and which rows these are.

    Raises:
        DatasetError: A value is no finite number, or too large, or no row has all of them.
    """
    numbers = np.stack([_numbers(table, name) for name in targets], axis=1)
    known = np.asarray(~np.isnan(numbers).any(axis=1))
    if not known.any():
        raise DatasetError(f"{table.source}: no row has a number to predict in {_quoted(targets)}.")
    log_left_out(table, known, targets)
    return numbers[known], known


def _numbers(table: Table, name: str) -> NDArray[np.float64]:
    column = table.columns[name]
    numbers = as_numbers(column, name, table.source)
    truths = [isinstance(value, bool | np.bool_) for value in column] if column.dtype.kind in "bO" else []
    broken = np.abs(numbers) > LARGEST_TARGET
    if any(truths) or broken.any():
        row = truths.index(True) if any(truths) else int(np.argmax(broken))
        expected = (
            "a number, as numbers are predicted: leave --task out, or give --task multilabel for several labels"
            if any(truths)
            else f"a number of at most {LARGEST_TARGET:g} to predict"
        )
        raise DatasetError(
            f"{table.source}: row {row + 1}, column {name!r} holds {shown_value(column[row])}; expected {expected}."
        )
    return numbers


def rows_with_class(table: Table, target: str) -> NDArray[np.bool_]:
    """Return which rows have a class; how many have none is logged.

    Raises:
        DatasetError: None has one.
    """
    known = ~missing_rows(table.columns[target])
    if not known.any():
        raise DatasetError(f"{table.source}: no row has a class to predict in {target!r}.")
    log_left_out(table, known, (target,))
    return known


def target_classes(table: Table, target: str) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[np.bool_]]:
    """Return the class of each row that has one, the names of the classes, and which rows have one.

    Names are sorted; numbers by their value.

    Raises:
        DatasetError: The column holds measurements, one class, or none.
    """
    column = table.columns[target]
    known = ~missing_rows(column)
    texts = label_texts(column[known])
    names = sorted(set(texts), key=_by_value)
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "nothing"
        raise DatasetError(f"{table.source}: column {target!r} holds {found}; expected at least 2 classes to predict.")
    places = {name: place for place, name in enumerate(names)}
    codes = np.fromiter((places[text] for text in texts), dtype=np.int64, count=len(texts))
    log_left_out(table, known, (target,))
    return codes, tuple(names), known


def log_left_out(table: Table, known: NDArray[np.bool_], targets: Sequence[str]) -> None:
    """Log how many rows are left out because nothing is known of what is predicted."""
    if not known.all():
        logger.warning(
            "%s of %s rows of %s have no %s, and are left out.",
            f"{int((~known).sum()):,}",
            f"{len(known):,}",
            table.source,
            _quoted(targets),
            extra={"action": "rows_without_target"},
        )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _by_value(name: str) -> tuple[bool, float, str]:
    """Return a key: numbers come first, by their value."""
    number = number_of(name)
    return (True, 0.0, name) if number is None or np.isnan(number) else (False, number, name)
