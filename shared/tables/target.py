"""The columns of a table that are predicted: which they are, and their classes or numbers."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.labels import label_texts
from deepchord.shared.tables.table import Table
from deepchord.shared.tables.values import as_numbers, as_texts, missing_rows, number_of
from deepchord.shared.validation import suggestion, with_full_stop

#: A column with one of these names, in any letters, is predicted if none is asked for; else the last one.
USUAL_NAMES = ("target", "label", "class", "y")
#: Numbers with more different values than this, and fewer rows for each than that, are measurements.
_MANY_VALUES, _FEW_ROWS = 20, 5

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
    """Return whether a column holds measurements rather than classes: many different numbers, or fractions."""
    column = table.columns[target]
    texts = as_texts(column[~missing_rows(column)]).tolist()
    names = set(texts)
    numbers = [number_of(name) for name in names]
    if any(number is None or np.isnan(number) for number in numbers):
        return False
    fractions = any(number is not None and number != np.rint(number) for number in numbers)
    return (len(names) > _MANY_VALUES and len(texts) < _FEW_ROWS * len(names)) or (fractions and len(names) > _FEW_ROWS)


def target_numbers(table: Table, targets: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers to predict, [rows that have all of them, targets], and which rows these are.

    Raises:
        DatasetError: A value is no finite number, or no row has all of them.
    """
    numbers = np.stack([as_numbers(table.columns[name], name, table.source) for name in targets], axis=1)
    known = np.asarray(~np.isnan(numbers).any(axis=1))
    if not known.any():
        raise DatasetError(f"{table.source}: no row has a number to predict in {_quoted(targets)}.")
    _log_left_out(table, known, targets)
    return numbers[known], known


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
    _log_left_out(table, known, (target,))
    return codes, tuple(names), known


def _log_left_out(table: Table, known: NDArray[np.bool_], targets: Sequence[str]) -> None:
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
