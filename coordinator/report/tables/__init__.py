"""The summary table of a report: its values, and how the terminal, CSV and JSON show them; and a data set's table."""

from deepchord.coordinator.report.tables.caption import caption
from deepchord.coordinator.report.tables.column import TRAINER, Column, Group, MemberRow, trainer_of
from deepchord.coordinator.report.tables.columns import BALANCED, SummaryRow, columns, summary_rows
from deepchord.coordinator.report.tables.examination import examination_table
from deepchord.coordinator.report.tables.member_lines import MemberLines, member_lines
from deepchord.coordinator.report.tables.summary import summary_csv, summary_json
from deepchord.coordinator.report.tables.terminal import summary_table

__all__ = [
    "BALANCED",
    "TRAINER",
    "Column",
    "Group",
    "MemberLines",
    "MemberRow",
    "SummaryRow",
    "caption",
    "columns",
    "examination_table",
    "member_lines",
    "summary_csv",
    "summary_json",
    "summary_rows",
    "summary_table",
    "trainer_of",
]
