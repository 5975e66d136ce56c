"""Tables: rows of named columns from files and data frames, and the preprocessing that makes them a network's input."""

from deepchord.shared.tables.encoding import EncodedRows, checked_rows, encode_rows, feature_names
from deepchord.shared.tables.files import TABLE_SUFFIXES, read_table, read_table_file, table_suffix
from deepchord.shared.tables.fitting import counting_columns, fit_preprocessing
from deepchord.shared.tables.frames import is_frame, table_of_frame, table_of_objects, table_of_rows
from deepchord.shared.tables.labels import known_labels, label_texts
from deepchord.shared.tables.table import Table
from deepchord.shared.tables.target import find_target, target_classes
from deepchord.shared.tables.texts import shown_rows
from deepchord.shared.tables.wording import in_rows

__all__ = [
    "TABLE_SUFFIXES",
    "EncodedRows",
    "Table",
    "checked_rows",
    "counting_columns",
    "encode_rows",
    "feature_names",
    "find_target",
    "fit_preprocessing",
    "in_rows",
    "is_frame",
    "known_labels",
    "label_texts",
    "read_table",
    "read_table_file",
    "shown_rows",
    "table_of_frame",
    "table_of_objects",
    "table_of_rows",
    "table_suffix",
    "target_classes",
]
