"""Table files that grow lot by lot: CSV, JSON, Parquet, and arrays of NumPy."""

import csv
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.tables.rows import Columns, PredictedRows
from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import write_npy, written_aside


class TableFile(Protocol):
    """A table that is being written."""

    def add(self, rows: PredictedRows) -> None:
        """Append rows. All calls tell the same of theirs."""
        ...


@contextmanager
def open_table(path: Path) -> Iterator[TableFile]:
    """Yield a table whose kind the ending of its name decides; it gets its name when the block ends well.

    Raises:
        InputError: The ending is not known, a package is missing, or the file cannot be written.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{printable_path(path)} has an unknown ending; expected one of {', '.join(FORMATS)}.")
    with written_aside(path) as aside, kind(aside) as table:
        yield table


class _Csv:
    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._writer = csv.writer(file)
        self._has_header = False

    def add(self, rows: PredictedRows) -> None:
        columns = rows.columns()
        if not self._has_header:
            self._writer.writerow(columns)
            self._has_header = True
        self._writer.writerows(_rows(columns))


class _Json:
    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._begins = True

    def add(self, rows: PredictedRows) -> None:
        columns = rows.columns()
        for row in _rows(columns):
            self._file.write("[\n" if self._begins else ",\n")
            self._begins = False
            json.dump(dict(zip(columns, row, strict=True)), self._file, ensure_ascii=False)

    def end(self) -> None:
        """Write what closes the list."""
        self._file.write("[]\n" if self._begins else "\n]\n")


class _Npz:
    """The arrays of a prediction, as they are; each lies in a file of its own until its length is known."""

    def __init__(self, files: ExitStack) -> None:
        self._files = files
        self._arrays: dict[str, tuple[IO[bytes], np.dtype[Any], tuple[int, ...]]] = {}
        self._names: Columns = {}
        self._rows = 0

    def add(self, rows: PredictedRows) -> None:
        for name, array in rows.arrays().items():
            if name not in self._arrays:
                file: IO[bytes] = self._files.enter_context(TemporaryFile())  # noqa: SIM115  closed with the others
                self._arrays[name] = file, array.dtype, array.shape[1:]
            self._arrays[name][0].write(array.tobytes())
        self._names = rows.names()
        self._rows += len(rows)

    def write(self, path: Path) -> None:
        """Write the archive."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, (file, dtype, shape) in self._arrays.items():
                described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
                file.seek(0)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, described | {"shape": (self._rows, *shape)})
                    shutil.copyfileobj(file, member)
            for name, names in self._names.items():
                archive.writestr(f"{name}.npy", write_npy(names))


class _Parquet:
    def __init__(self, path: Path, files: ExitStack) -> None:
        self._path = path
        self._files = files
        self._writer: Any = None

    def add(self, rows: PredictedRows) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        columns = rows.columns()
        table = pa.table({name: pa.array(column) for name, column in columns.items()})
        if self._writer is None:
            self._writer = self._files.enter_context(ParquetWriter(self._path, table.schema))
        self._writer.write_table(table)


@contextmanager
def _csv(path: Path) -> Iterator[TableFile]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _Csv(file)


@contextmanager
def json_table(file: IO[str]) -> Iterator[TableFile]:
    """Yield a table that is written as a list of JSON objects."""
    table = _Json(file)
    yield table
    table.end()


@contextmanager
def _json(path: Path) -> Iterator[TableFile]:
    with path.open("w", encoding="utf-8") as file, json_table(file) as table:
        yield table


@contextmanager
def _npz(path: Path) -> Iterator[TableFile]:
    with ExitStack() as files:
        table = _Npz(files)
        yield table
        table.write(path)


@contextmanager
def _parquet(path: Path) -> Iterator[TableFile]:
    try:
        import pyarrow as pa  # noqa: F401  only whether it is there
    except ImportError as error:
        raise InputError(f"Parquet needs pyarrow ({error}): pip install 'deepchord[tables]', or take .csv.") from error
    with ExitStack() as files:
        yield _Parquet(path, files)


#: The kinds of tables by the ending of their names.
FORMATS = {".csv": _csv, ".json": _json, ".npz": _npz, ".parquet": _parquet, ".pq": _parquet}


def _rows(columns: Columns) -> Iterator[tuple[Any, ...]]:
    return zip(*(_readable(column).tolist() for column in columns.values()), strict=True)


def _readable(column: NDArray[Any]) -> NDArray[Any]:
    """Return floats with the digits that float32 has, not those of the nearest double; nothing for NaN and infinity."""
    if column.dtype == np.float64 and not np.isfinite(column).all():
        told = column.astype(object)
        told[~np.isfinite(column)] = None
        return told
    if column.dtype != np.float32:
        return column
    return np.array([float(str(value)) for value in column], dtype=np.float64)
