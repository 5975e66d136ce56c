"""The report of an ensemble: a table for the terminal, CSV and JSON, figures, and one self-contained page.

A run's results are collected out of storage; weight files that no run of ours trained get the same report.
"""

from deepchord.shared.process import import_plain_matplotlib

import_plain_matplotlib()

from deepchord.coordinator.report.collection import collect_run, report_content, summary, write_run_report
from deepchord.coordinator.report.comparison import ComparedRun, Comparison, compare, compare_runs
from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.export import write_report
from deepchord.coordinator.report.figures import write_samples
from deepchord.coordinator.report.findings import recipe_toml, train_again
from deepchord.coordinator.report.multilabel import MultilabelContent
from deepchord.coordinator.report.regression import RegressionContent
from deepchord.coordinator.report.rendering import AnyContent, render_page, summary_json, summary_table
from deepchord.coordinator.report.tables import examination_table

__all__ = [
    "AnyContent",
    "ComparedRun",
    "Comparison",
    "MultilabelContent",
    "RegressionContent",
    "ReportContent",
    "collect_run",
    "compare",
    "compare_runs",
    "examination_table",
    "recipe_toml",
    "render_page",
    "report_content",
    "summary",
    "summary_json",
    "summary_table",
    "train_again",
    "write_report",
    "write_run_report",
    "write_samples",
]
