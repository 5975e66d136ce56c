"""The summary tables of predicted labels: their values, and how the terminal, CSV and JSON show them."""

from deepchord.coordinator.report.multilabel.tables.columns import LabelMemberRow, columns, member_rows, total_rows
from deepchord.coordinator.report.multilabel.tables.summary import summary_csv, summary_json
from deepchord.coordinator.report.multilabel.tables.terminal import summary_table

__all__ = [
    "LabelMemberRow",
    "columns",
    "member_rows",
    "summary_csv",
    "summary_json",
    "summary_table",
    "total_rows",
]
