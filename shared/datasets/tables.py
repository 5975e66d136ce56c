"""Tables as data sets: the target and its classes, test rows, and features that training rows decide."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.checks import checked_labels, checked_sample_weights
from deepchord.shared.datasets.dataset import (
    ARRAYS,
    CLASS_NAMES,
    OPTIONAL_ARRAYS,
    SAMPLE_WEIGHTS,
    Dataset,
    dataset_from_arrays,
)
from deepchord.shared.datasets.labels import check_classes
from deepchord.shared.datasets.own_files import TEST_SHARE, FileOptions, stratified_split
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import read_npz
from deepchord.shared.messages import StratifiedSplit
from deepchord.shared.tables import (
    Table,
    counting_columns,
    encode_rows,
    find_target,
    fit_preprocessing,
    known_labels,
    read_table_file,
    table_of_rows,
    table_suffix,
    target_classes,
)

#: What an archive calls the column of its labels.
_LABELS = "y"
_FEATURE_NAMES = "feature_names"
_USUAL_SPLIT = StratifiedSplit(share=TEST_SHARE, seed=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledRows:
    """Rows and the class of each."""

    #: Without the column that is predicted.
    rows: Table
    #: Class indices, or any labels that `checked_labels` takes, [size].
    labels: NDArray[Any]
    #: How much each row counts in the loss of the training [size]; None: all alike.
    weights: NDArray[Any] | None = None

    def part(self, chosen: NDArray[np.bool_]) -> "LabelledRows":
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return LabelledRows(rows=self.rows.rows(chosen), labels=self.labels[chosen], weights=weights)


@dataclass(frozen=True, kw_only=True)
class RowsDescription:
    """What is known of rows besides their values."""

    #: The name of the data set.
    name: str
    #: Where the rows came from, for errors.
    source: str
    #: What is predicted.
    target: str
    #: Names of the classes; None: their numbers.
    class_names: tuple[str, ...] | None = None
    #: The names of columns that count the rows.
    row_numbers: tuple[str, ...] = ()


def read_table_dataset(path: Path, options: FileOptions) -> Dataset:
    """Return the data set in a table; test rows are drawn, unless an archive has some.

    Args:
        path: `.csv`, `.parquet` and others that `read_table_file` reads, or an `.npz` with `x_train` as
            [size, features], `y_train` and optionally `x_test`, `y_test`, `class_names` and `feature_names`.
        options: Which column is predicted, and how test rows are drawn.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: it is no table that can be learnt from.
    """
    if table_suffix(path) is None:
        return _of_archive(path, printable_path(path), options)
    target, split = options.target, StratifiedSplit(share=options.test_share, seed=options.split_seed)
    # The target as all columns: otherwise classes would have other names if their column is named.
    table = read_table_file(path)
    return dataset_of_table(table, name=printable_path(path.name), target=target, test=split)


def dataset_of_table(
    table: Table,
    *,
    name: str,
    target: str | None = None,
    test: Table | StratifiedSplit = _USUAL_SPLIT,
) -> Dataset:
    """Return a table, one column of which is predicted, as a data set.

    Args:
        table: The rows; those whose target is missing are left out.
        name: The name of the data set.
        target: The column that is predicted; None: one with a usual name, or else the last.
        test: Rows that only score, with the same columns; or how they are drawn.

    Raises:
        DatasetError: The table cannot be learnt from, or test rows do not fit it.
    """
    predicted = find_target(table, target)
    codes, class_names, known = target_classes(table, predicted)
    given = LabelledRows(rows=table.without(predicted).rows(known), labels=codes)
    described = RowsDescription(
        name=name,
        source=table.source,
        target=predicted,
        class_names=class_names,
        row_numbers=counting_columns(table.without(predicted)),
    )
    if isinstance(test, Table):
        return labelled_dataset(given, _labelled(test, predicted, class_names), described)
    return _drawn(given, described, test)


def _drawn(given: LabelledRows, described: RowsDescription, split: StratifiedSplit) -> Dataset:
    """Return labelled rows as a data set; a share of each class is drawn for the test."""
    kept = stratified_split(given.labels, split.share, split.seed)
    return labelled_dataset(given.part(~kept), given.part(kept), described, split=split)


def labelled_dataset(
    train: LabelledRows, test: LabelledRows, described: RowsDescription, *, split: StratifiedSplit | None = None
) -> Dataset:
    """Return rows for training and test as a data set; the training rows alone decide how columns become features.

    Args:
        train: The training rows.
        test: The rows that only score.
        described: What else is known of them.
        split: How the test rows were drawn; None: they came separately.

    Raises:
        DatasetError: The rows cannot be learnt from, or do not fit each other.
    """
    preprocessing = fit_preprocessing(train.rows, described.target, row_numbers=described.row_numbers)
    arrays = {
        "x_train": encode_rows(train.rows, preprocessing).features,
        "y_train": train.labels,
        "x_test": encode_rows(test.rows, preprocessing).features,
        "y_test": test.labels,
    }
    if train.weights is not None:
        arrays[SAMPLE_WEIGHTS] = train.weights
    dataset = dataset_from_arrays(
        arrays,
        name=described.name,
        source=described.source,
        class_names=described.class_names,
        table=preprocessing,
    )
    return replace(dataset, split=split, rows=(train.rows, test.rows))


def _labelled(test: Table, target: str, class_names: tuple[str, ...]) -> LabelledRows:
    if target not in test.columns:
        raise DatasetError(f"{test.source} has no column {target!r}, which is predicted: test rows need it.")
    labels = known_labels(test.columns[target], class_names)
    if (labels < 0).any():
        row = int(np.argmax(labels < 0))
        raise DatasetError(
            f"{test.source}: row {row + 1}, column {target!r} holds {test.columns[target][row]!r:.60}, which is no "
            f"class of the training rows ({', '.join(class_names[:20])})."
        )
    return LabelledRows(rows=test.without(target), labels=labels)


def _of_archive(path: Path, source: str, options: FileOptions) -> Dataset:
    given = read_npz(path, source, ARRAYS[:2], (*ARRAYS[2:], *OPTIONAL_ARRAYS, _FEATURE_NAMES))
    if ("x_test" in given) != ("y_test" in given):
        there, lacking = ("x_test", "y_test") if "x_test" in given else ("y_test", "x_test")
        raise DatasetError(f"{source} has {there} without {lacking}: give both, or neither, and test rows are drawn.")
    names = _names(given, _FEATURE_NAMES, source)
    weights = given.get(SAMPLE_WEIGHTS)
    if weights is not None:
        weights = checked_sample_weights(weights, len(given["x_train"]), f"{source}: {SAMPLE_WEIGHTS}")
    train = replace(_archived(given, "train", names, source), weights=weights)
    if not (CLASS_NAMES in given or given["y_train"].size != len(given["y_train"])):
        check_classes(train.labels, f"{source}: y_train")
    class_names = _names(given, CLASS_NAMES, source)
    described = RowsDescription(
        name=printable_path(path.name),
        source=source,
        target=options.target or _LABELS,
        class_names=None if class_names is None else tuple(class_names),
    )
    if "x_test" in given:
        return labelled_dataset(train, _archived(given, "test", names, source), described)
    return _drawn(train, described, StratifiedSplit(share=options.test_share, seed=options.split_seed))


def _names(given: Mapping[str, NDArray[Any]], array: str, source: str) -> list[str] | None:
    """Return the names that an archive gives columns or classes; None: none."""
    if array not in given:
        return None
    names = given[array]
    if names.ndim != 1:
        raise DatasetError(f"{source}: {array} has the shape {names.shape}; expected one name after the other.")
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in names.tolist()]


def _archived(arrays: Mapping[str, NDArray[Any]], part: str, names: list[str] | None, source: str) -> LabelledRows:
    rows = table_of_rows(arrays[f"x_{part}"], names, f"{source}: x_{part}")
    labels, _ = checked_labels(arrays[f"y_{part}"], rows.size, f"{source}: y_{part}")
    return LabelledRows(rows=rows, labels=labels)
