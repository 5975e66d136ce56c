"""The report of an ensemble: a table for the terminal, CSV and JSON, figures, and one self-contained page."""

from shared.plain_matplotlib import import_plain_matplotlib

import_plain_matplotlib()

from coordinator.report.content import ReportContent
from coordinator.report.export import write_report
from coordinator.report.tables import SummaryRow, summary_rows
from coordinator.report.terminal import summary_table

__all__ = ["ReportContent", "SummaryRow", "summary_rows", "summary_table", "write_report"]
