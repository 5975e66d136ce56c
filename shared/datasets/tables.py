"""Tables as data sets: the targets, their classes or numbers, test rows, and features that training rows decide."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.dataset import (
    SAMPLE_WEIGHTS,
    Dataset,
    dataset_from_arrays,
)
from deepchord.shared.datasets.multilabel import LABEL_NAMES
from deepchord.shared.datasets.own_files import TEST_SHARE, FileOptions, path_kind, stratified_split
from deepchord.shared.datasets.targets import TARGET_NAMES
from deepchord.shared.errors import DatasetError
from deepchord.shared.messages import DatasetFinding, StratifiedSplit
from deepchord.shared.network import Task
from deepchord.shared.tables import (
    Table,
    counting_columns,
    encode_rows,
    find_targets,
    fit_preprocessing,
    known_labels,
    look_like_flags,
    looks_like_numbers,
    read_table_file,
    rows_with_class,
    shown_value,
    table_suffix,
    target_classes,
    target_flags,
    target_numbers,
)

#: A finding names at most so many columns.
_MOST_NAMED = 10
_USUAL_SPLIT = StratifiedSplit(share=TEST_SHARE, seed=0)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledRows:
    """Rows, and the class of each or its numbers."""

    #: Without the columns that are predicted.
    rows: Table
    #: Class indices, or any labels that `checked_labels` takes, [size]; numbers, [size, targets]; or which labels
    #: apply, [size, labels].
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
    #: What is predicted, by the names of columns.
    targets: tuple[str, ...]
    task: Task = "classification"
    #: Names of the classes; None: their numbers.
    class_names: tuple[str, ...] | None = None
    #: The names of columns that count the rows.
    row_numbers: tuple[str, ...] = ()


def read_table_dataset(path: Path, options: FileOptions) -> Dataset:
    """Return the data set in a table; test rows are drawn, or in another table.

    Args:
        path: `.csv`, `.parquet` and others that `read_table_file` reads.
        options: Which column is predicted, and which rows are for the test.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: it is no table that can be learnt from.
    """
    target, split = options.target, StratifiedSplit(share=options.test_share, seed=options.split_seed)
    # The target as all columns: otherwise classes would have other names if their column is named.
    table = read_table_file(path, wanted=() if target is None else target.split(","), header=options.header)
    test = split if options.test is None else _test_table(table, options)
    return dataset_of_table(table, name=printable_path(path.name), target=target, test=test, task=options.task)


def _test_table(table: Table, options: FileOptions) -> Table:
    """Return the table of the test; what is a text in the training rows is one there, too."""
    path = options.test_path()
    if path_kind(path) != "table" or table_suffix(path) is None:
        raise DatasetError(f"{table.source} is a table, and {printable_path(path)} is none: give the test as a table.")
    texts = [name for name, column in table.columns.items() if column.dtype.kind == "O"]
    return read_table_file(path, as_text=texts, wanted=tuple(table.columns), header=options.header)


def dataset_of_table(
    table: Table,
    *,
    name: str,
    target: str | None = None,
    test: Table | StratifiedSplit = _USUAL_SPLIT,
    task: Task | None = None,
) -> Dataset:
    """Return a table, one column of which is predicted or several, as a data set.

    Args:
        table: The rows; those whose target is missing are left out.
        name: The name of the data set.
        target: The column that is predicted, or several with commas between them; None: one with a usual name, or else
            the last.
        test: Rows that only score, with the same columns; or how they are drawn.
        task: Whether classes, numbers or labels are predicted; None: what the column looks like, which is logged for
            numbers.

    Raises:
        DatasetError: The table cannot be learnt from, or test rows do not fit it.
    """
    predicted = find_targets(table, target)
    described = RowsDescription(
        name=name,
        source=table.source,
        targets=predicted,
        task=_task(table, predicted, task),
        row_numbers=counting_columns(_without(table, predicted)),
    )
    labels: NDArray[Any]
    if described.task != "classification":
        labels, known = _values(table, described)
    else:
        labels, class_names, known = target_classes(table, predicted[0])
        described = replace(described, class_names=class_names)
    given = LabelledRows(rows=_without(table, predicted).rows(known), labels=labels)
    if isinstance(test, Table):
        return labelled_dataset(given, _labelled(test, described), described)
    return drawn_dataset(given, described, test)


def _task(table: Table, targets: Sequence[str], asked: Task | None) -> Task:
    """Return whether columns are predicted as classes or as numbers."""
    if asked == "classification" and len(targets) > 1:
        raise DatasetError(
            f"{table.source}: {len(targets)} columns are to be predicted ({', '.join(targets)}), but only one can tell "
            "the class of a row; give one, or --task regression, or --task multilabel for labels of 0 and 1."
        )
    if asked is not None:
        return asked
    if len(targets) == 1 and not looks_like_numbers(table, targets[0]):
        return "classification"
    sentence = "%s of %s are predicted as numbers (regression)."
    if len(targets) > 1 and look_like_flags(table, targets):
        sentence = (
            "%s of %s are predicted as numbers (regression); --task multilabel (in Python task=) predicts which of "
            "them apply."
        )
    if len(targets) == 1:
        sentence = (
            "%s of %s is predicted as a number (regression); --task classification (in Python task=) makes classes of "
            "it."
        )
    logger.warning(sentence, " and ".join(map(repr, targets)), table.source, extra={"action": "task_chosen"})
    return "regression"


def _without(table: Table, names: Iterable[str]) -> Table:
    for name in names:
        table = table.without(name)
    return table


def drawn_dataset(given: LabelledRows, described: RowsDescription, split: StratifiedSplit) -> Dataset:
    """Return labelled rows as a data set; a share of each class, or of all rows, is drawn for the test."""
    classes = given.labels if described.task == "classification" else np.zeros(given.rows.size, dtype=np.int64)
    kept = stratified_split(classes, split.share, split.seed)
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
    preprocessing = fit_preprocessing(train.rows, described.targets, row_numbers=described.row_numbers)
    encoded = encode_rows(test.rows, preprocessing)
    arrays = {
        "x_train": encode_rows(train.rows, preprocessing).features,
        "y_train": train.labels,
        "x_test": encoded.features,
        "y_test": test.labels,
    }
    if train.weights is not None:
        arrays[SAMPLE_WEIGHTS] = train.weights
    if described.task != "classification":
        names = TARGET_NAMES if described.task == "regression" else LABEL_NAMES
        arrays[names] = np.array(described.targets)
    dataset = dataset_from_arrays(
        arrays,
        name=described.name,
        source=described.source,
        class_names=described.class_names,
        table=preprocessing,
    )
    findings = () if not encoded.extra else (_extra_columns(encoded.extra),)
    return replace(dataset, split=split, rows=(train.rows, test.rows), findings=findings)


def _extra_columns(names: Sequence[str]) -> DatasetFinding:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    listed = ", ".join(names[:_MOST_NAMED]) + more
    text = f"The test has columns that the training has not, and that are not used: {listed}."
    return DatasetFinding(kind="extra_columns", level="note", text=text)


def _values(table: Table, described: RowsDescription) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the numbers of the rows that have them, or their labels, and which rows these are."""
    found = target_numbers if described.task == "regression" else target_flags
    return found(table, described.targets)


def _labelled(test: Table, described: RowsDescription) -> LabelledRows:
    for name in described.targets:
        if name not in test.columns:
            raise DatasetError(f"{test.source} has no column {name!r}, which is predicted: test rows need it.")
    if described.task != "classification":
        values, known = _values(test, described)
        return LabelledRows(rows=_without(test, described.targets).rows(known), labels=values)
    target, class_names = described.targets[0], described.class_names or ()
    known = rows_with_class(test, target)
    labels = known_labels(test.columns[target], class_names)
    unknown = known & (labels < 0)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise DatasetError(
            f"{test.source}: row {row + 1}, column {target!r} holds {shown_value(test.columns[target][row])}, which is "
            f"no class of the training rows ({', '.join(class_names[:20])})."
        )
    return LabelledRows(rows=test.without(target).rows(known), labels=labels[known])
