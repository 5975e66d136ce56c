"""Rows of tables as people have them, as what the networks take: files, data frames, arrays, objects of JSON."""

import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.inputs.converted import Converted, warn_of
from deepchord.ensemble.inputs.flags import flags_of_table
from deepchord.ensemble.inputs.lots import LOT, STDIN, ZIP, Lot
from deepchord.ensemble.inputs.numbers import numbers_of_table, unknown_labels
from deepchord.ensemble.inputs.row_archives import read_row_archive
from deepchord.shared.command_line import label, printable_path, user_path
from deepchord.shared.errors import InputError
from deepchord.shared.images import SUFFIXES
from deepchord.shared.messages import CategoryColumn, DatasetInfo, Fitting, TablePreprocessing
from deepchord.shared.tables import (
    EncodedRows,
    Table,
    encode_rows,
    is_frame,
    known_labels,
    read_table,
    read_table_file,
    table_of_frame,
    table_of_objects,
    table_of_rows,
)

#: The path of a table or of an `.npz`; a data frame of pandas or polars; an array [rows, columns] or [columns]; an
#: object by the names of the columns, or a list of those.
RowsLike: TypeAlias = Any
#: A warning names at most so many columns.
_MOST_NAMED = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class TableInputs:
    """All rows that a command is to predict; they are in memory."""

    lots: tuple[Lot, ...]

    def __len__(self) -> int:
        return sum(len(lot.names) for lot in self.lots)


def as_rows(rows: RowsLike, dataset: DatasetInfo, *, name: str = "the array") -> NDArray[np.float32]:
    """Return rows as the networks take them, float32 [rows, features]; warn of what the training did not know.

    For the arguments and errors see `convert_rows`.
    """
    converted = convert_rows(rows, dataset, name=name)
    warn_of(converted.warnings, 3)
    return converted.values


def convert_rows(rows: RowsLike, dataset: DatasetInfo, *, name: str = "the array") -> Converted:
    """Return rows as the networks take them, and what the training did not know: categories, and columns.

    Args:
        rows: As `Ensemble.predict` takes them.
        dataset: What the networks were trained on.
        name: What an array is called in errors.

    Raises:
        InputError: They are no rows.
        DatasetError: A file cannot be read, a column is missing, or a value is not of its column's kind.
    """
    table = _preprocessing(dataset)
    encoded = encode_rows(_as_table(rows, dataset, name), table)
    return Converted(values=encoded.features, warnings=_unknown(encoded))


def find_rows(inputs: Sequence[str], dataset: DatasetInfo) -> TableInputs:
    """Return the rows of some files, in lots that can be predicted together.

    Args:
        inputs: Tables, as `read_table_file` reads them; `.npz` files, as `read_row_archive` does; or `-` for CSV or an
            `.npz` on standard input. Where they have a column that is predicted, it is their label.
        dataset: What the networks were trained on.

    Raises:
        InputError: There is no such file.
        DatasetError: One is no table, a column is missing, or a value is not of its column's kind.
    """
    preprocessing = _preprocessing(dataset)
    tables = [(_short_name(text), _read(text, dataset)) for text in inputs]
    labelled = any(name in table.columns for name in preprocessing.targets for _, table in tables)
    lots: list[Lot] = []
    for name, table in tables:
        encoded = encode_rows(table, preprocessing)
        warn_of(_unknown(encoded))
        labels = _labels(table, dataset, preprocessing) if labelled else None
        lots.extend(_lots(name, encoded.features, labels))
    return TableInputs(lots=tuple(lots))


def check_fit(dataset: DatasetInfo, fit: Fitting, option: str = "fit") -> None:
    """Raise `InputError` if rows of a table are to be fitted, which only images can be.

    Args:
        dataset: What the networks were trained on.
        fit: What is to be done with images of another size.
        option: What it is called where it was given.
    """
    if dataset.table is not None and fit != "none":
        raise InputError(f"The ensemble takes rows of a table, and {option} is about the size of images: leave it out.")


def _preprocessing(dataset: DatasetInfo) -> TablePreprocessing:
    assert dataset.table is not None, "the networks take rows"  # noqa: S101  for the type checker
    return dataset.table


def _as_table(rows: RowsLike, dataset: DatasetInfo, name: str) -> Table:
    if isinstance(rows, str | os.PathLike):
        return _read(os.fspath(rows), dataset)
    if is_frame(rows):
        return table_of_frame(rows)
    if isinstance(rows, Mapping):
        rows = [rows]
    if isinstance(rows, list | tuple) and rows and all(isinstance(row, Mapping) for row in rows):
        return table_of_objects(rows, name)
    array = _as_array(rows, name)
    if array.ndim == 1 and array.size:
        array = array[None]
    return table_of_rows(array, _preprocessing(dataset).all_names, name)


def _as_array(rows: RowsLike, name: str) -> NDArray[Any]:
    if isinstance(rows, np.ndarray):
        return rows
    # Objects: a list of numbers and texts would all become texts.
    array = np.array(rows, dtype=object)
    if array.ndim == 1 and any(isinstance(each, list | tuple | np.ndarray) for each in array):
        raise InputError(f"{name} has rows that differ in length: expected one value for each column.")
    return array


def _read(text: str, dataset: DatasetInfo) -> Table:
    preprocessing = _preprocessing(dataset)
    as_text = [column.name for column in preprocessing.columns if isinstance(column, CategoryColumn)]
    if dataset.class_names:
        as_text.append(preprocessing.target)
    header = False if preprocessing.is_unnamed else None
    if text == STDIN:
        data = sys.stdin.buffer.read()
        if not data:
            raise InputError("Standard input is empty: expected a table as CSV or an .npz on it.")
        if data.startswith(ZIP):
            return read_row_archive(io.BytesIO(data), "standard input", dataset, preprocessing)
        return read_table(data, "standard input", as_text=as_text, wanted=preprocessing.names, header=header)
    path = user_path(text)
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        kind = "a folder" if path.is_dir() else "an image file"
        raise InputError(
            f"{printable_path(path)} is {kind}, and the networks take rows of a table: give .csv, .parquet or "
            ".npz files."
        )
    try:
        if path.suffix.lower() == ".npz":
            return read_row_archive(path, printable_path(path), dataset, preprocessing)
        return read_table_file(text, as_text=as_text, wanted=preprocessing.names, header=header)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {printable_path(path)}.") from error


def _labels(table: Table, dataset: DatasetInfo, preprocessing: TablePreprocessing) -> NDArray[Any]:
    """Return the class of each row; -1 where it is not told, or not one of the networks'; or its numbers or labels."""
    if dataset.targets:
        return numbers_of_table(table, dataset)
    if dataset.label_names:
        return flags_of_table(table, dataset)
    if preprocessing.target not in table.columns:
        return unknown_labels(table.size, dataset)
    labels = known_labels(table.columns[preprocessing.target], dataset.class_names)
    if (labels < 0).all():
        known = ", ".join(map(label, dataset.class_names[:_MOST_NAMED]))
        target = label(preprocessing.target)
        warn_of((f"{table.source}: no row of column {target!r} holds a class that the networks know ({known}).",))
    return labels


def _lots(name: str, features: NDArray[np.float32], labels: NDArray[Any] | None) -> Iterator[Lot]:
    for start in range(0, len(features), LOT):
        part = features[start : start + LOT]
        yield Lot(
            names=tuple(f"{name}:{row}" for row in range(start + 1, start + len(part) + 1)),
            pixels=part,
            labels=None if labels is None else labels[start : start + LOT],
        )


def _short_name(text: str) -> str:
    return "stdin" if text == STDIN else printable_path(Path(text).name)


def _unknown(encoded: EncodedRows) -> tuple[str, ...]:
    """Return a sentence on what the training did not know, if there is anything."""
    said = []
    if encoded.unknown:
        counted = [f"{times:,} in {label(name)!r}" for name, times in encoded.unknown.most_common(_MOST_NAMED)]
        said.append(f"categories that the training did not know: {', '.join(counted)}")
    if encoded.extra:
        names = ", ".join(repr(label(name)) for name in encoded.extra[:_MOST_NAMED])
        more = f" and {len(encoded.extra) - _MOST_NAMED} more" if len(encoded.extra) > _MOST_NAMED else ""
        said.append(f"columns that the training did not have, which are not used: {names}{more}")
    return (f"The rows have {'; and '.join(said)}.",) if said else ()
