"""Predictions as tables: one row for each image, in files that are written while more images come."""

from deepchord.ensemble.tables.columns import Columns, Labels, columns_of
from deepchord.ensemble.tables.files import FORMATS, TableFile, json_table, open_table
from deepchord.ensemble.tables.scoring import LabelledScores, RunningScores

__all__ = [
    "FORMATS",
    "Columns",
    "LabelledScores",
    "Labels",
    "RunningScores",
    "TableFile",
    "columns_of",
    "json_table",
    "open_table",
]
