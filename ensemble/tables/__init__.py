"""Predictions as tables: one row for each image, in files that are written while more images come."""

from deepchord.ensemble.tables.classes import ClassRows
from deepchord.ensemble.tables.files import FORMATS, TableFile, json_table, open_table
from deepchord.ensemble.tables.labels import LabelRows, RunningLabelScores
from deepchord.ensemble.tables.number_scoring import NumberScores, RunningNumberScores
from deepchord.ensemble.tables.numbers import NumberRows, percent
from deepchord.ensemble.tables.rows import Columns, PredictedRows
from deepchord.ensemble.tables.scoring import LabelledScores, RunningScores

__all__ = [
    "FORMATS",
    "ClassRows",
    "Columns",
    "LabelRows",
    "LabelledScores",
    "NumberRows",
    "NumberScores",
    "PredictedRows",
    "RunningLabelScores",
    "RunningNumberScores",
    "RunningScores",
    "TableFile",
    "json_table",
    "open_table",
    "percent",
]
