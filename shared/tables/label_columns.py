"""The columns of a table that tell which labels apply: 0 and 1, or truth values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.table import Table
from deepchord.shared.tables.target import log_left_out
from deepchord.shared.tables.values import boolean_of, is_missing, missing_rows, number_of, shown_value


def target_flags(table: Table, targets: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return which labels apply, [rows that have all of them, targets], and which rows these are.

    Raises:
        DatasetError: A value is neither 0 nor 1 and no truth value, or no row has all of them.
    """
    missing = np.stack([missing_rows(table.columns[name]) for name in targets], axis=1)
    known = np.asarray(~missing.any(axis=1))
    if not known.any():
        raise DatasetError(f"{table.source}: no row has all labels to predict, {', '.join(map(repr, targets))}.")
    flags = np.stack([known_flags(table, name)[0] for name in targets], axis=1)
    log_left_out(table, known, targets)
    return flags[known], known


def look_like_flags(table: Table, targets: Sequence[str]) -> bool:
    """Return whether all values of some columns that are not missing are 0, 1 or truth values."""
    values = (value for name in targets for value in table.columns[name].tolist())
    return all(is_missing(value) or _applies(value) is not None for value in values)


def known_flags(table: Table, name: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a column as 0 and 1, and which rows have a value; those without one are 0.

    Raises:
        DatasetError: A value is neither 0 nor 1 and no truth value.
    """
    flags, known = np.zeros(table.size, dtype=np.uint8), ~missing_rows(table.columns[name])
    for row, value in enumerate(table.columns[name].tolist()):
        if not known[row]:
            continue
        applies = _applies(value)
        if applies is None:
            raise DatasetError(
                f"{table.source}: row {row + 1}, column {name!r} holds {shown_value(value)}; expected 0 or 1, or true "
                "or false, as it is predicted whether this label applies (multilabel)."
            )
        flags[row] = applies
    return flags, known


def _applies(value: object) -> bool | None:
    truth = boolean_of(value)
    number = number_of(value) if truth is None else None
    return bool(number) if number in (0.0, 1.0) else truth
