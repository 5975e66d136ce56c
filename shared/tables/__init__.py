"""Tables: rows of named columns from files and data frames, and the preprocessing that makes them a network's input."""

from deepchord.shared.tables.dates import days, has_time
from deepchord.shared.tables.encoding import EncodedRows, checked_rows, encode_rows, feature_names
from deepchord.shared.tables.files import PARQUET_SUFFIXES, TABLE_SUFFIXES, read_table, read_table_file, table_suffix
from deepchord.shared.tables.fitting import ColumnKind, column_kind, counting_columns, fit_preprocessing
from deepchord.shared.tables.frames import is_frame, table_of_frame, table_of_objects, table_of_rows
from deepchord.shared.tables.label_columns import known_flags, look_like_flags, target_flags
from deepchord.shared.tables.labels import known_labels, label_texts
from deepchord.shared.tables.table import Table
from deepchord.shared.tables.target import (
    LARGEST_TARGET,
    find_targets,
    looks_like_numbers,
    rows_with_class,
    target_classes,
    target_numbers,
)
from deepchord.shared.tables.texts import number_text, shown_rows
from deepchord.shared.tables.values import (
    as_dates,
    as_numbers,
    as_texts,
    is_missing,
    missing_rows,
    number_of,
    shown_value,
    text_of,
)
from deepchord.shared.tables.wording import DROP_WORDS, in_rows

__all__ = [
    "DROP_WORDS",
    "LARGEST_TARGET",
    "PARQUET_SUFFIXES",
    "TABLE_SUFFIXES",
    "ColumnKind",
    "EncodedRows",
    "Table",
    "as_dates",
    "as_numbers",
    "as_texts",
    "checked_rows",
    "column_kind",
    "counting_columns",
    "days",
    "encode_rows",
    "feature_names",
    "find_targets",
    "fit_preprocessing",
    "has_time",
    "in_rows",
    "is_frame",
    "is_missing",
    "known_flags",
    "known_labels",
    "label_texts",
    "look_like_flags",
    "looks_like_numbers",
    "missing_rows",
    "number_of",
    "number_text",
    "read_table",
    "read_table_file",
    "rows_with_class",
    "shown_rows",
    "shown_value",
    "table_of_frame",
    "table_of_objects",
    "table_of_rows",
    "table_suffix",
    "target_classes",
    "target_flags",
    "target_numbers",
    "text_of",
]
