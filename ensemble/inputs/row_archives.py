"""Rows in an `.npz`, as a table with the columns that the networks were trained on."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.inputs.flags import flags_of_array
from deepchord.ensemble.inputs.numbers import numbers_of_array
from deepchord.shared.errors import InputError
from deepchord.shared.files import npz_outlines, read_npz
from deepchord.shared.messages import DatasetInfo, TablePreprocessing
from deepchord.shared.tables import Table, table_of_rows

#: The arrays of rows, the first that is there, and the labels that belong to each.
_ARRAYS = {"x_test": "y_test", "x": "y"}
_FEATURE_NAMES = "feature_names"


def read_row_archive(
    file: Path | io.BytesIO, name: str, dataset: DatasetInfo, preprocessing: TablePreprocessing
) -> Table:
    """Return the rows of an `.npz`; if it has labels, they are the columns that are predicted.

    Args:
        file: The path, or the bytes as an open file. Rows are `x_test` or `x`, [rows, features], and their labels
            `y_test` or `y`, numbers of the classes, or the actual numbers, [rows] or [rows, targets], or labels.
            The columns are those of the training in their order, unless `feature_names` tells them.
        name: What it is called in errors.
        dataset: What the networks were trained on.
        preprocessing: Of its columns.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It holds no rows, or labels of more classes than the networks know, or not all of the
            numbers.
        DatasetError: It is damaged, or an array has another shape than it should have.
    """
    present = npz_outlines(file, name, (), (*_ARRAYS, *_ARRAYS.values(), _FEATURE_NAMES))
    array = next((array for array in _ARRAYS if array in present), None)
    if array is None:
        raise InputError(f"{name} holds no rows: expected them as {' or '.join(_ARRAYS)}.")
    optional = [each for each in (_ARRAYS[array], _FEATURE_NAMES) if each in present]
    given = read_npz(file, name, (array, *optional))
    columns = [str(each) for each in given.get(_FEATURE_NAMES, np.array(preprocessing.all_names)).tolist()]
    table = table_of_rows(given[array], columns, f"{name}: {array}")
    if _ARRAYS[array] not in given:
        return table
    labels, labels_name = given[_ARRAYS[array]], f"{name}: {_ARRAYS[array]}"
    predicted: dict[str, NDArray[Any]]
    if dataset.targets:
        numbers = numbers_of_array(labels, table.size, dataset, labels_name)
        predicted = {target.name: numbers[:, place] for place, target in enumerate(dataset.targets)}
    elif dataset.label_names:
        flags = flags_of_array(labels, table.size, dataset, labels_name).astype(np.float64)
        predicted = {name: flags[:, place] for place, name in enumerate(dataset.label_names)}
    else:
        predicted = {preprocessing.target: _classes(labels, table.size, dataset, labels_name)}
    return Table(source=table.source, columns={**table.columns, **predicted}, size=table.size)


def _classes(labels: NDArray[Any], rows: int, dataset: DatasetInfo, name: str) -> NDArray[np.object_]:
    """Return the name of the class of each row."""
    from deepchord.shared.datasets.checks import checked_labels  # with its room it takes longer than a prediction

    numbers, classes = checked_labels(labels, rows, name)
    if classes > dataset.classes:
        raise InputError(
            f"{name} tells of {classes} classes, and the networks know {dataset.classes}: give the rows without "
            "labels, or those of the same classes."
        )
    return np.array(dataset.class_names, dtype=object)[numbers]
