"""Tables in files: CSV of any kind, and Parquet; polars reads them."""

import gzip
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import check_regular
from deepchord.shared.tables.csv_files import CsvLayout, csv_columns, csv_layout, decoded_text, first_uneven
from deepchord.shared.tables.frames import column_of_polars
from deepchord.shared.tables.table import Table, new_table, unique_names

_CSV = (".csv", ".tsv", ".tab", ".txt", ".data")
#: What the names of Parquet files end in.
PARQUET_SUFFIXES = (".parquet", ".pq")
_PARQUET_MARK = b"PAR1"
_GZIP = ".gz"
#: What the names of tables end in.
TABLE_SUFFIXES = (*_CSV, *PARQUET_SUFFIXES)
#: A file may unpack to at most so much.
_MOST_BYTES = 8 * 2**30
_MOST_COLUMNS = 20_000


def table_suffix(path: str | Path) -> str | None:
    """Return the ending by which a file is a table, without that of gzip; None if it is none by its name."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == _GZIP:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in TABLE_SUFFIXES else None


def read_table_file(
    path: str | Path, *, as_text: Collection[str] = (), wanted: Collection[str] = (), header: bool | None = None
) -> Table:
    """Return the table in a file.

    Columns of a CSV file whose values are all numbers are numbers, all others are texts.

    Args:
        path: `.csv` (also `.tsv`, `.tab`, `.txt`, `.data`) or `.parquet` (also `.pq`), also with `.gz`.
        as_text: Columns of a CSV file that stay texts, also if all of their values are numbers.
        wanted: Columns that are to be there: the first line of a CSV file that names them all is a header.
        header: Whether the first line of a CSV file is a header if it does not; None: what it looks like.

    Raises:
        FileNotFoundError: There is no such file.
        DatasetError: It cannot be read, or is no table; or polars is not installed.
    """
    source = printable_path(path)
    _polars(source)
    return read_table(_content(user_path(path), source), source, as_text=as_text, wanted=wanted, header=header)


def read_table(
    data: bytes,
    source: str,
    *,
    as_text: Collection[str] = (),
    wanted: Collection[str] = (),
    header: bool | None = None,
) -> Table:
    """Return the table in the bytes of a file; see `read_table_file`.

    Args:
        data: CSV in any encoding, or Parquet.
        source: What it is called in errors.
        as_text: Columns of CSV that stay texts.
        wanted: Columns that are to be there.
        header: Whether the first line of CSV is a header.
    """
    polars = _polars(source)
    if data.startswith(_PARQUET_MARK):
        return _parquet(polars, data, source)
    text = decoded_text(data, source)
    return _csv(polars, text, csv_layout(text, source, wanted, header=header), source, as_text)


def _polars(source: str) -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise DatasetError(
            f"{source} is a table, and polars, which reads it, cannot be imported ({error}): pip install "
            "'deepchord[tables]'."
        ) from error
    return pl


def _content(path: Path, source: str) -> bytes:
    try:
        check_regular(path)
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if is_packed else path.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(data) > _MOST_BYTES:
        raise DatasetError(f"{source} is larger than {_MOST_BYTES // 2**30} GiB, more than a table may have.")
    return data


def _csv(polars: Any, text: str, layout: CsvLayout, source: str, as_text: Collection[str]) -> Table:
    frame: Any = None
    failed: BaseException | None = None
    try:
        frame = polars.read_csv(
            text.encode("utf-8", "replace"),
            separator=layout.separator,
            has_header=False,
            infer_schema=False,
            null_values=None,
        )
    except (Exception, polars.exceptions.PanicException) as error:  # noqa: BLE001  a panic is no Exception
        failed = error
    if frame is None or frame.width != layout.width or frame.to_series(frame.width - 1).has_nulls():
        uneven = first_uneven(text, layout, source)
        if uneven is not None:
            row, fields = uneven
            raise DatasetError(
                f"{source}: row {row} has {fields} fields, and the first line has {layout.width}; correct it, or quote "
                f"fields that hold {layout.separator!r}."
            )
    if frame is None or frame.width != layout.width:
        reason = _first_line(failed) if failed else f"{frame.width} columns where {layout.width} are expected"
        raise DatasetError(f"{source} is no CSV file that can be read: {reason}.") from failed
    if frame.width > _MOST_COLUMNS:
        raise DatasetError(f"{source} has {frame.width:,} columns; at most {_MOST_COLUMNS:,} are read.")
    names = [""] * frame.width
    if layout.has_header:
        names, frame = [name or "" for name in frame.row(0)], frame.slice(1)
    named = unique_names(names, source)
    series = {name: frame.to_series(place) for place, name in enumerate(named)}
    columns = csv_columns(polars, series, source, commas_in_numbers=layout.separator != ",", as_text=as_text)
    return new_table(columns, source)


def _parquet(polars: Any, data: bytes, source: str) -> Table:
    try:
        frame = polars.read_parquet(data)
    except (Exception, polars.exceptions.PanicException) as error:
        raise DatasetError(f"{source} is no Parquet file that can be read: {_first_line(error)}.") from error
    names = unique_names(list(frame.columns), source)
    return new_table(
        {name: column_of_polars(frame.to_series(place), name, source) for place, name in enumerate(names)}, source
    )


def _first_line(error: BaseException) -> str:
    """Return what polars says, which quotes whatever the file holds."""
    return printable_path(str(error).partition("\n")[0])[:200].rstrip(".")
