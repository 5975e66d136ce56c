"""Which labels apply to rows or images, where it is told: what predictions are scored by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo
from deepchord.shared.tables import Table, known_flags

#: Stands for a label of which it is not told whether it applies.
UNKNOWN = -1


def flags_of_table(table: Table, dataset: DatasetInfo) -> NDArray[np.int8]:
    """Return which labels apply to the rows of a table, int8 [rows, labels], -1 where it is not told.

    Raises:
        DatasetError: A value is neither 0 nor 1 and no truth value.
    """
    found = np.full((table.size, len(dataset.label_names)), UNKNOWN, dtype=np.int8)
    for place, name in enumerate(dataset.label_names):
        if name in table.columns:
            flags, known = known_flags(table, name)
            found[known, place] = flags[known]
    return found


def flags_of_array(values: NDArray[Any], size: int, dataset: DatasetInfo, name: str) -> NDArray[np.int8]:
    """Return the labels in an array [size] or [size, labels], as int8 [size, labels].

    Raises:
        InputError: It holds another number of them for each row.
        DatasetError: It has another length, or a value is neither 0 nor 1.
    """
    from deepchord.shared.datasets.multilabel import checked_flags  # with its room it takes longer than a prediction

    flags = checked_flags(values, size, name)
    if flags.shape[1] != len(dataset.label_names):
        raise InputError(
            f"{name} holds {flags.shape[1]} labels for each row, and the networks predict {len(dataset.label_names)}: "
            "give the rows without them, or with all of them."
        )
    return flags.astype(np.int8)
