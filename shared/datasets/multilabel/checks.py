"""Checks and converts labels of which several may apply, before anything is trained on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.outlines import check_label_outline
from deepchord.shared.errors import DatasetError

#: The names of the labels, which this array makes of a data set.
LABEL_NAMES = "label_names"
#: A network has an output for each; more labels are considered a mistake.
MAX_LABELS = 10_000
#: A longer name is considered a mistake, too.
_MAX_NAME_LENGTH = 1_000


def checked_flags(values: NDArray[Any], size: int, label: str, names: Sequence[str] = ()) -> NDArray[np.uint8]:
    """Return which labels apply, uint8 [size, labels]: 1 for those that do.

    Args:
        values: 0 and 1, or truth values, [size] or [size, labels].
        size: The number of images or rows.
        label: The name of the array in errors.
        names: The names of the labels, for errors; empty: they have none yet.

    Raises:
        DatasetError: There are none for some image or row, or one is neither 0 nor 1.
    """
    check_label_outline(values, size, label)
    flags = values.reshape(size, -1)
    if flags.shape[1] > MAX_LABELS:
        raise DatasetError(f"{label} holds {flags.shape[1]:,} labels for each row; at most {MAX_LABELS:,}.")
    broken = (flags != 0) & (flags != 1)
    if broken.any():
        row, column = np.argwhere(broken)[0]
        called = f" ({names[column]!r})" if names else ""
        raise DatasetError(
            f"{label}: row {row} (from 0) holds {flags[row, column]} in column {column}{called}; expected 1 for a "
            "label that applies and 0 for one that does not, as labels are predicted (multilabel)."
        )
    return flags.astype(np.uint8)


def checked_label_names(names: NDArray[Any] | Sequence[str], labels: int, source: str) -> tuple[str, ...]:
    """Return the names of the labels.

    Raises:
        DatasetError: There is not one for each, two are equal, or one cannot be printed.
    """
    given = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)
    are_names = all(name.strip() and name.isprintable() and len(name) <= _MAX_NAME_LENGTH for name in given)
    if len(given) != labels or len(set(given)) < labels or not are_names:
        raise DatasetError(f"{source}: expected another name for each of {labels} labels, found {list(given)!r:.99}.")
    return given


def names_of_columns(labels: int) -> tuple[str, ...]:
    """Return the names of labels that have none."""
    return tuple(f"label_{number}" for number in range(labels))
