"""The report of an ensemble: a table for the terminal, CSV and JSON, figures, and one self-contained page."""

import contextlib
from pathlib import Path

with contextlib.chdir(Path(__file__).parent):  # it takes a `matplotlibrc` of the current folder, and may fail at that
    import matplotlib as mpl  # noqa: F401

from coordinator.report.content import ReportContent
from coordinator.report.export import write_report
from coordinator.report.tables import SummaryRow, summary_rows
from coordinator.report.terminal import summary_table

__all__ = ["ReportContent", "SummaryRow", "summary_rows", "summary_table", "write_report"]
