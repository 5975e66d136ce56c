"""Tables as data sets: the target and its classes, test rows, and features that training rows decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.datasets.checks import checked_labels
from deepchord.shared.datasets.dataset import ARRAYS, CLASS_NAMES, Dataset, dataset_from_arrays
from deepchord.shared.datasets.labels import check_classes
from deepchord.shared.datasets.splitting import kept_for_test
from deepchord.shared.errors import DatasetError, DeepchordError, InputError
from deepchord.shared.files import npz_outlines, read_npz
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

#: The share of a table's rows that only score, if no test rows are given.
TEST_SHARE = 0.2
#: The same rows are drawn whatever the seed of a run: runs on one file compare, and a recipe finds its data set again.
_SPLIT_SEED = 0
#: What an archive calls the column of its labels.
_LABELS = "y"
_FEATURE_NAMES = "feature_names"


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledRows:
    """Rows and the class of each."""

    #: Without the column that is predicted.
    rows: Table
    #: Class indices, or any labels that `checked_labels` takes, [size].
    labels: NDArray[Any]

    def part(self, chosen: NDArray[np.bool_]) -> "LabelledRows":
        """Return some of the rows."""
        return LabelledRows(rows=self.rows.rows(chosen), labels=self.labels[chosen])


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


def is_table_file(path: str | Path) -> bool:
    """Return whether a path is that of a table: by its ending, or an `.npz` whose rows have one axis."""
    if table_suffix(path) is not None:
        return True
    try:
        outlines = npz_outlines(user_path(path), printable_path(path), (), ("x_train",))
    except (DeepchordError, OSError, ValueError):
        return False  # whoever reads it says what is wrong
    return "x_train" in outlines and outlines["x_train"].ndim == 2


def read_table_dataset(path: Path, target: str | None = None) -> Dataset:
    """Return the data set in a table; a fifth of its rows is drawn for the test, unless an archive has test rows.

    Args:
        path: `.csv`, `.parquet` and others that `read_table_file` reads, or an `.npz` with `x_train` as
            [size, features], `y_train` and optionally `x_test`, `y_test`, `class_names` and `feature_names`.
        target: The column that is predicted; None: one with a usual name, or else the last.

    Raises:
        DatasetError: There is no such file, or it is no table that can be learnt from.
    """
    source = printable_path(path)
    try:
        if table_suffix(path) is None:
            return _of_archive(user_path(path), source, target)
        table = read_table_file(path, as_text=() if target is None else (target,))
    except FileNotFoundError as error:
        raise DatasetError(f"There is no file called {str(path)!r}.") from error
    return dataset_of_table(table, name=printable_path(path.name), target=target)


def dataset_of_table(
    table: Table,
    *,
    name: str,
    target: str | None = None,
    test: Table | float = TEST_SHARE,
    seed: int = _SPLIT_SEED,
) -> Dataset:
    """Return a table, one column of which is predicted, as a data set.

    Args:
        table: The rows; those whose target is missing are left out.
        name: The name of the data set.
        target: The column that is predicted; None: one with a usual name, or else the last.
        test: Rows that only score, with the same columns; or the share of the rows that is drawn for that.
        seed: Draws the test rows.

    Raises:
        DatasetError: The table cannot be learnt from, or test rows do not fit it.
        InputError: There are too few rows.
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
    return split_dataset(given, test, seed, described)


def split_dataset(given: LabelledRows, share: float, seed: int, described: RowsDescription) -> Dataset:
    """Return labelled rows as a data set; a share of each class is drawn for the test. See `labelled_dataset`."""
    if not 0 < share < 1:
        raise InputError(f"test is {share!r}; expected test rows and their classes, or a share between 0 and 1.")
    kept = kept_for_test(given.labels, share, seed)
    return labelled_dataset(given.part(~kept), given.part(kept), described, test_share=share)


def labelled_dataset(
    train: LabelledRows, test: LabelledRows, described: RowsDescription, *, test_share: float | None = None
) -> Dataset:
    """Return rows for training and test as a data set; the training rows alone decide how columns become features.

    Args:
        train: The training rows.
        test: The rows that only score.
        described: What else is known of them.
        test_share: The share of all rows that was drawn for the test; None: they came separately.

    Raises:
        DatasetError: The rows cannot be learnt from, or do not fit each other.
    """
    preprocessing = fit_preprocessing(
        train.rows, described.target, test_share=test_share, row_numbers=described.row_numbers
    )
    arrays = {
        "x_train": encode_rows(train.rows, preprocessing).features,
        "y_train": train.labels,
        "x_test": encode_rows(test.rows, preprocessing).features,
        "y_test": test.labels,
    }
    return dataset_from_arrays(
        arrays,
        name=described.name,
        source=described.source,
        class_names=described.class_names,
        table=preprocessing,
    )


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


def _of_archive(path: Path, source: str, target: str | None) -> Dataset:
    given = read_npz(path, source, ARRAYS[:2], (*ARRAYS[2:], CLASS_NAMES, _FEATURE_NAMES))
    names = [str(each) for each in given[_FEATURE_NAMES].tolist()] if _FEATURE_NAMES in given else None
    train = _archived(given, "train", names, source)
    if not (CLASS_NAMES in given or given["y_train"].size != len(given["y_train"])):
        check_classes(train.labels, f"{source}: y_train")
    class_names = tuple(str(each) for each in given[CLASS_NAMES].tolist()) if CLASS_NAMES in given else None
    described = RowsDescription(
        name=printable_path(path.name), source=source, target=target or _LABELS, class_names=class_names
    )
    if "x_test" in given and "y_test" in given:
        return labelled_dataset(train, _archived(given, "test", names, source), described)
    return split_dataset(train, TEST_SHARE, _SPLIT_SEED, described)


def _archived(arrays: Mapping[str, NDArray[Any]], part: str, names: list[str] | None, source: str) -> LabelledRows:
    rows = table_of_rows(arrays[f"x_{part}"], names, f"{source}: x_{part}")
    labels, _ = checked_labels(arrays[f"y_{part}"], rows.size, f"{source}: y_{part}")
    return LabelledRows(rows=rows, labels=labels)
