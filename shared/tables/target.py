"""The column of a table that is predicted: which it is, and its classes."""

import logging

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.labels import label_texts
from deepchord.shared.tables.table import Table
from deepchord.shared.tables.values import missing_rows, number_of
from deepchord.shared.validation import suggestion, with_full_stop

#: A column with one of these names, in any letters, is predicted if none is asked for; else the last one.
USUAL_NAMES = ("target", "label", "class", "y")
#: Numbers with more different values than this, and fewer rows for each than that, are measurements.
_MANY_VALUES, _FEW_ROWS = 20, 5

logger = logging.getLogger(__name__)


def find_target(table: Table, asked: str | None) -> str:
    """Return the name of the column that is predicted; it is logged if nobody asked for it.

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
        if asked not in table.columns:
            hint = with_full_stop(suggestion(asked, names[:20]))
            raise DatasetError(f"{table.source} has no column {asked!r} to predict{hint}")
        return asked
    usual = [name for wanted in USUAL_NAMES for name in names if name.lower() == wanted]
    target = usual[0] if usual else names[-1]
    logger.warning(
        "Column %r of %s is predicted, %s; --target (in Python target=) names another.",
        target,
        table.source,
        "by its name" if usual else "the last one",
        extra={"action": "target_chosen"},
    )
    return target


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
    numbers = [number_of(name) for name in names]
    if all(number is not None for number in numbers):
        fractions = [number for number in numbers if number is not None and number != np.rint(number)]
        is_many = len(names) > _MANY_VALUES and len(texts) < _FEW_ROWS * len(names)
        if is_many or (fractions and len(names) > _FEW_ROWS):
            raise DatasetError(
                f"{table.source}: column {target!r} holds {len(names):,} different numbers in {len(texts):,} rows, "
                "which look like numbers to be predicted: deepchord predicts classes, and no numbers yet (regression)."
            )
    places = {name: place for place, name in enumerate(names)}
    codes = np.fromiter((places[text] for text in texts), dtype=np.int64, count=len(texts))
    if not known.all():
        logger.warning(
            "%s of %s rows of %s have no %r, and are left out.",
            f"{int((~known).sum()):,}",
            f"{len(known):,}",
            table.source,
            target,
            extra={"action": "rows_without_target"},
        )
    return codes, tuple(names), known


def _by_value(name: str) -> tuple[bool, float, str]:
    """Return a key: numbers come first, by their value."""
    number = number_of(name)
    return (True, 0.0, name) if number is None or np.isnan(number) else (False, number, name)
