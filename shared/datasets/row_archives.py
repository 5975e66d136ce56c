"""Arrays of rows in an archive as a data set: each row has its features, and a class, numbers or labels."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets.checks import checked_labels, checked_sample_weights
from deepchord.shared.datasets.dataset import ARRAYS, OPTIONAL_ARRAYS, SAMPLE_WEIGHTS, Dataset
from deepchord.shared.datasets.labels import check_classes
from deepchord.shared.datasets.multilabel import checked_flags
from deepchord.shared.datasets.own_files import (
    FileOptions,
    labels_as_trained,
    labels_wanted,
    path_kind,
    refuse_two_tests,
    scored_part,
)
from deepchord.shared.datasets.predicted import CLASS_NAMES
from deepchord.shared.datasets.tables import LabelledRows, RowsDescription, drawn_dataset, labelled_dataset
from deepchord.shared.datasets.targets import asked_task, checked_numbers
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import read_npz
from deepchord.shared.messages import StratifiedSplit
from deepchord.shared.network import Task
from deepchord.shared.tables import table_of_rows, table_suffix

#: What an archive calls the column of its labels.
_LABELS = "y"
_FEATURE_NAMES = "feature_names"


def read_row_archive(path: Path, options: FileOptions) -> Dataset:
    """Return the data set in an archive of rows; test rows are drawn, unless it has some or they are in another one.

    Args:
        path: An `.npz` with `x_train` as [size, features], `y_train` and optionally `x_test`, `y_test`, `class_names`
            or `target_names` or `label_names`, and `feature_names`.
        options: What is predicted, and which rows are for the test.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: The arrays cannot be learnt from.
    """
    source = printable_path(path)
    given = _arrays(path, source)
    names = _names(given, _FEATURE_NAMES, source)
    weights = given.get(SAMPLE_WEIGHTS)
    if weights is not None:
        weights = checked_sample_weights(weights, len(given["x_train"]), f"{source}: {SAMPLE_WEIGHTS}")
    described = _archive_description(given, printable_path(path.name), source, options)
    task = described.task
    train = replace(_archived(given, "train", names, source, task), weights=weights)
    if task == "classification" and not (CLASS_NAMES in given or given["y_train"].size != len(given["y_train"])):
        check_classes(train.labels, f"{source}: y_train")
    if options.test is not None:
        return labelled_dataset(train, _given_test(given, source, described, options), described)
    if "x_test" in given:
        return labelled_dataset(train, _archived(given, "test", names, source, task), described)
    return drawn_dataset(train, described, StratifiedSplit(share=options.test_share, seed=options.split_seed))


def _arrays(path: Path, source: str) -> Mapping[str, NDArray[Any]]:
    with labels_wanted(source):
        given = read_npz(path, source, ARRAYS[:2], (*ARRAYS[2:], *OPTIONAL_ARRAYS, _FEATURE_NAMES))
    if ("x_test" in given) != ("y_test" in given):
        there, lacking = ("x_test", "y_test") if "x_test" in given else ("y_test", "x_test")
        raise DatasetError(f"{source} has {there} without {lacking}: give both, or neither, and test rows are drawn.")
    return given


def _given_test(
    train: Mapping[str, NDArray[Any]], source: str, described: RowsDescription, options: FileOptions
) -> LabelledRows:
    """Return the rows of another archive: its test, or else all of it."""
    path = options.test_path()
    other = printable_path(path)
    refuse_two_tests(train, source, other)
    if path_kind(path) != "table" or table_suffix(path) is not None:
        raise DatasetError(f"{source} is an .npz of rows, and {other} is none: give the rows of the test so, too.")
    given = _arrays(path, other)
    part, names = scored_part(given), _names(given, _FEATURE_NAMES, other) or _names(train, _FEATURE_NAMES, source)
    rows = _archived(given, part, names, other, described.task)
    if described.task == "classification":
        label = f"{other}: y_{part}"
        rows = replace(rows, labels=labels_as_trained(rows.labels, rows.rows.size, (train, source), (given, label)))
    return rows


def _archive_description(
    given: Mapping[str, NDArray[Any]], name: str, source: str, options: FileOptions
) -> RowsDescription:
    task, names = asked_task(given, source, options.task)
    class_names = _names(given, CLASS_NAMES, source)
    return RowsDescription(
        name=name,
        source=source,
        targets=(options.target or _LABELS,) if task == "classification" or not names else names,
        task=task,
        class_names=None if class_names is None else tuple(class_names),
    )


def _names(given: Mapping[str, NDArray[Any]], array: str, source: str) -> list[str] | None:
    """Return the names that an archive gives columns or classes; None: none."""
    if array not in given:
        return None
    names = given[array]
    if names.ndim != 1:
        raise DatasetError(f"{source}: {array} has the shape {names.shape}; expected one name after the other.")
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in names.tolist()]


def _archived(
    arrays: Mapping[str, NDArray[Any]], part: str, names: list[str] | None, source: str, task: Task
) -> LabelledRows:
    rows = table_of_rows(arrays[f"x_{part}"], names, f"{source}: x_{part}")
    if task == "regression":
        return LabelledRows(rows=rows, labels=checked_numbers(arrays[f"y_{part}"], rows.size, f"{source}: y_{part}"))
    if task == "multilabel":
        return LabelledRows(rows=rows, labels=checked_flags(arrays[f"y_{part}"], rows.size, f"{source}: y_{part}"))
    labels, _ = checked_labels(arrays[f"y_{part}"], rows.size, f"{source}: y_{part}")
    return LabelledRows(rows=rows, labels=labels)
