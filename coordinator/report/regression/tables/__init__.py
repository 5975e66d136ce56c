"""The summary table of predicted numbers: its values, and how the terminal, CSV and JSON show them."""

from deepchord.coordinator.report.regression.tables.columns import (
    NumberRow,
    columns,
    member_rows,
    summary_rows,
    total_rows,
)
from deepchord.coordinator.report.regression.tables.summary import summary_csv, summary_json
from deepchord.coordinator.report.regression.tables.terminal import summary_table

__all__ = [
    "NumberRow",
    "columns",
    "member_rows",
    "summary_csv",
    "summary_json",
    "summary_rows",
    "summary_table",
    "total_rows",
]
