"""The actual numbers of rows or images, where they are told: what predictions are scored by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.inputs.flags import UNKNOWN
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo
from deepchord.shared.tables import Table, as_numbers


def numbers_of_table(table: Table, dataset: DatasetInfo) -> NDArray[np.float64]:
    """Return the actual numbers of the rows of a table, [rows, targets], NaN where one is not told.

    Raises:
        DatasetError: A value is no finite number.
    """
    return np.stack(
        [
            as_numbers(table.columns[target.name], target.name, table.source)
            if target.name in table.columns
            else np.full(table.size, np.nan)
            for target in dataset.targets
        ],
        axis=1,
    )


def numbers_of_array(values: NDArray[Any], size: int, dataset: DatasetInfo, name: str) -> NDArray[np.float64]:
    """Return the actual numbers in an array [size] or [size, targets], as [size, targets].

    Raises:
        InputError: It holds another number of them for each row.
        DatasetError: It has another length, or a value is no finite number.
    """
    from deepchord.shared.datasets.targets import checked_numbers  # with its room it takes longer than a prediction

    numbers = checked_numbers(values, size, name)
    if numbers.shape[1] != len(dataset.targets):
        raise InputError(
            f"{name} holds {numbers.shape[1]} numbers for each row, and the networks predict {len(dataset.targets)}: "
            "give the rows without them, or with all of them."
        )
    return numbers


def unknown_labels(size: int, dataset: DatasetInfo) -> NDArray[Any]:
    """Return the labels of rows or images of which none is known: -1 for classes and labels, NaN for numbers."""
    if dataset.targets:
        return np.full((size, len(dataset.targets)), np.nan)
    if dataset.label_names:
        return np.full((size, len(dataset.label_names)), UNKNOWN, dtype=np.int8)
    return np.full(size, UNKNOWN, dtype=np.int64)
