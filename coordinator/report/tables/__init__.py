"""The summary table of a report: its values, and how the terminal, CSV and JSON show them; and a data set's table."""

from deepchord.coordinator.report.tables.columns import (
    BALANCED,
    TRAINER,
    Column,
    Group,
    SummaryRow,
    columns,
    summary_rows,
    trainer_of,
)
from deepchord.coordinator.report.tables.examination import examination_table
from deepchord.coordinator.report.tables.summary import summary_csv, summary_json
from deepchord.coordinator.report.tables.terminal import summary_table

__all__ = [
    "BALANCED",
    "TRAINER",
    "Column",
    "Group",
    "SummaryRow",
    "columns",
    "examination_table",
    "summary_csv",
    "summary_json",
    "summary_rows",
    "summary_table",
    "trainer_of",
]
