"""Data frames of pandas and polars, arrays of NumPy and objects of JSON as tables; neither library is imported here."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables.table import Column, Table, new_table, unique_names

_FRAMES = ("pandas", "polars")
#: Python's whole numbers may be larger than any float.
_LARGEST = 2**1000


def is_frame(value: object) -> bool:
    """Return whether a value is a data frame of pandas or polars."""
    return type(value).__name__ == "DataFrame" and type(value).__module__.partition(".")[0] in _FRAMES


def table_of_frame(frame: Any, source: str = "the data frame") -> Table:
    """Return a data frame as a table.

    Raises:
        DatasetError: It has no rows, two columns of one name, or a column whose values are lists or the like.
    """
    names = unique_names([str(name) for name in frame.columns], source)
    of_polars = type(frame).__module__.startswith("polars")
    columns = {}
    for place, name in enumerate(names):
        series = frame.to_series(place) if of_polars else frame.iloc[:, place]
        columns[name] = column_of_polars(series, name, source) if of_polars else _of_pandas(series, name, source)
    return new_table(columns, source)


def table_of_rows(rows: NDArray[Any], names: Sequence[str] | None = None, source: str = "the array") -> Table:
    """Return an array [rows, columns] as a table, whose columns are called feature_1 and so on, if they have no names.

    Raises:
        DatasetError: It has another shape, or there is not one name for each column.
    """
    if rows.ndim != 2 or 0 in rows.shape:
        raise DatasetError(f"{source}: expected rows as [rows, features], found the shape {list(rows.shape)}.")
    if names is not None and len(names) != rows.shape[1]:
        raise DatasetError(f"{source} has {rows.shape[1]} columns; expected {len(names)}: {', '.join(names[:20])}.")
    called = names or [f"feature_{number}" for number in range(1, rows.shape[1] + 1)]
    return new_table({name: _column(rows[:, place], name, source) for place, name in enumerate(called)}, source)


def table_of_objects(objects: Sequence[Mapping[str, Any]], source: str) -> Table:
    """Return objects, such as JSON has, as a table; what an object does not have is missing.

    Raises:
        DatasetError: There are none, one has a value that is neither a number, a text, true, false nor null, or two
            keys name one column.
    """
    keys = list(dict.fromkeys(key for each in objects for key in each))
    names = unique_names([str(key) for key in keys], source)
    columns = {
        name: _objects([each.get(key) for each in objects], name, source) for key, name in zip(keys, names, strict=True)
    }
    return new_table(columns, source)


def column_of_polars(series: Any, name: str, source: str) -> Column:
    """Return a series of polars as a column; see `table_of_frame` for the error."""
    kind = series.dtype
    if kind.is_numeric():
        return np.asarray(series.cast(_polars().Float64).to_numpy(), dtype=np.float64)
    if kind.is_temporal() and type(kind).__name__ in ("Date", "Datetime"):
        return _dates(series)
    if type(kind).__name__ in ("Duration", "Time"):
        return np.asarray(series.cast(_polars().Int64).cast(_polars().Float64).to_numpy(), dtype=np.float64)
    if type(kind).__name__ in ("Categorical", "Enum"):
        series = series.cast(_polars().String)
    if type(kind).__name__ == "Binary":
        series = _decoded(series, name, source)
    if type(kind).__name__ == "Boolean" and series.null_count() == 0:
        return np.asarray(series.to_numpy(), dtype=np.bool_)
    return _objects(series.to_list(), name, source)


def _decoded(series: Any, name: str, source: str) -> Any:
    """Return bytes as texts: some programs write texts so."""
    import polars as pl

    try:
        return series.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise DatasetError(
            f"{source}: column {name!r} holds bytes that are neither images nor texts (UTF-8): leave the column out."
        ) from error


def _polars() -> Any:
    import polars as pl

    return pl


def _dates(series: Any) -> Column:
    zone = getattr(series.dtype, "time_zone", None)
    if zone is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return np.asarray(series.to_numpy().astype("datetime64[us]"))


def _of_pandas(series: Any, name: str, source: str) -> Column:
    kind = str(series.dtype)
    if kind.startswith(("datetime64", "timestamp", "date")):
        if getattr(series.dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return np.asarray(series.to_numpy(dtype="datetime64[us]"))
    if kind == "category":
        return _objects([None if _is_na(each) else str(each) for each in series.tolist()], name, source)
    if series.dtype.kind in "buifm" and isinstance(series.dtype, np.dtype):
        return _column(series.to_numpy(), name, source)
    return _objects([None if _is_na(each) else each for each in series.tolist()], name, source)


def _is_na(value: object) -> bool:
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _column(values: NDArray[Any], name: str, source: str) -> Column:
    """Return an array [rows] as a column."""
    match values.dtype.kind:
        case "b":
            return values
        case "u" | "i" | "f":
            return np.asarray(values, dtype=np.float64)
        case "M":
            return np.asarray(values, dtype="datetime64[us]")
        case "m":
            return values.astype("timedelta64[us]").astype(np.float64)
        case "U" | "S":
            texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in values.tolist()]
            return _objects(texts, name, source)
        case "O":
            return _objects(values.tolist(), name, source)
    raise DatasetError(
        f"{source}: column {name!r} holds {values.dtype}; expected numbers, texts, truth values or dates."
    )


def _objects(values: list[Any], name: str, source: str) -> Column:
    """Return Python values as a column; whole columns of numbers become float64, and decimal numbers floats."""
    values = [float(value) if isinstance(value, Decimal) else value for value in values]
    if values and all(type(value) is float or (type(value) is int and abs(value) < _LARGEST) for value in values):
        return np.array(values, dtype=np.float64)
    for row, value in enumerate(values):
        if isinstance(value, list | tuple | dict | set | np.ndarray) or type(value).__module__.startswith("polars"):
            raise DatasetError(
                f"{source}: row {row + 1}, column {name!r} holds a {type(value).__name__}; expected a number, a text, "
                "a truth value or a date."
            )
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
