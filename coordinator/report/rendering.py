"""What a report is rendered as, by what its ensemble predicts: the one place that tells the tasks apart."""

from pathlib import Path

from rich.console import Group

from deepchord.coordinator.report import page, tables
from deepchord.coordinator.report.content import ReportContent
from deepchord.coordinator.report.multilabel import MultilabelContent
from deepchord.coordinator.report.multilabel import page as label_page
from deepchord.coordinator.report.multilabel import tables as label_tables
from deepchord.coordinator.report.regression import RegressionContent
from deepchord.coordinator.report.regression import page as number_page
from deepchord.coordinator.report.regression import tables as number_tables

#: What any evaluated ensemble is reported with.
AnyContent = ReportContent | RegressionContent | MultilabelContent


def summary_table(content: AnyContent, width: int = 80) -> Group:
    """Return the table of the members, and what is said of the ensemble, for a terminal of so many characters."""
    if isinstance(content, RegressionContent):
        return number_tables.summary_table(content, width)
    if isinstance(content, MultilabelContent):
        return label_tables.summary_table(content, width)
    return tables.summary_table(content, width)


def summary_csv(content: AnyContent) -> str:
    """Return the table as CSV."""
    if isinstance(content, RegressionContent):
        return number_tables.summary_csv(content)
    return label_tables.summary_csv(content) if isinstance(content, MultilabelContent) else tables.summary_csv(content)


def summary_json(content: AnyContent) -> str:
    """Return the table and the ensemble's scores as JSON."""
    if isinstance(content, RegressionContent):
        return number_tables.summary_json(content)
    if isinstance(content, MultilabelContent):
        return label_tables.summary_json(content)
    return tables.summary_json(content)


def render_page(content: AnyContent) -> str:
    """Return the page as HTML."""
    if isinstance(content, RegressionContent):
        return number_page.render_page(content)
    return label_page.render_page(content) if isinstance(content, MultilabelContent) else page.render_page(content)


def write_figures(content: AnyContent, folder: Path) -> None:
    """Write all figures into an existing folder."""
    # Importing what matplotlib draws with takes half a second: only commands that draw do so.
    from deepchord.coordinator.report import figures
    from deepchord.coordinator.report.multilabel import figures as label_figures
    from deepchord.coordinator.report.regression import figures as number_figures

    if isinstance(content, RegressionContent):
        number_figures.write_figures(content, folder)
    elif isinstance(content, MultilabelContent):
        label_figures.write_figures(content, folder)
    else:
        figures.write_figures(content, folder)
