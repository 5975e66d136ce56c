"""The summary table as the terminal shows it."""

from rich.console import Group
from rich.text import Text

from deepchord.coordinator.report.content import ReportContent, percent
from deepchord.coordinator.report.findings import (
    abstention_line,
    accuracy_gains,
    balance_sentence,
    calibration_gain,
    certainty,
    disagreement_of_gains,
    doubts,
    kept_sentence,
    loss_gain,
    shift_sentence,
    unseen_line,
)
from deepchord.coordinator.report.tables.caption import caption
from deepchord.coordinator.report.tables.column import Column
from deepchord.coordinator.report.tables.columns import BALANCED, columns, summary_rows
from deepchord.coordinator.report.tables.member_lines import member_lines

#: What a narrow terminal leaves out, in this order, until the rest fits.
_LEAST_NEEDED = (
    *reversed(BALANCED),
    "test_expected_calibration_error",
    "test_brier_score",
    "lowest_train_loss",
    "highest_train_accuracy",
    "highest_validation_accuracy",
    "lowest_validation_loss",
    "kept_train_loss",
    "kept_train_accuracy",
    "seconds",
    "kept_validation_loss",
    "on",
    "kept_validation_accuracy",
    "kept_epoch",
)


def summary_table(content: ReportContent, width: int = 80) -> Group:
    """Return the table with the ensemble's result below it; see `member_lines` for what becomes of its columns.

    Args:
        content: What is reported.
        width: Characters in a line of the terminal.
    """
    lines = member_lines(content.title, columns(content), summary_rows(content), _LEAST_NEEDED, width)
    return Group(lines.table, Text(), _caption(content, [*_legend(lines.columns), *lines.notes]))


def _legend(shown: tuple[Column, ...]) -> list[str]:
    """Return what the words in the headings mean, as far as they are there."""
    groups = {column.group for column in shown}
    kept = ["Kept: the epoch of the best validation accuracy, whose weights were tested"] if "kept" in groups else []
    return kept + (["Highest, lowest: of any epoch, each by itself"] if "any" in groups else [])


def _comparison(content: ReportContent) -> list[str]:
    """Return how sure the accuracy is, what the ensemble gains over several members, and what calibration brings."""
    lines = [certainty(content), balance_sentence(content)]
    if content.evaluation.trained > 1:
        lines += [accuracy_gains(content), loss_gain(content), disagreement_of_gains(content)]
    lines += [
        kept_sentence(content),
        calibration_gain(content),
        abstention_line(content),
        unseen_line(content),
        shift_sentence(content),
    ]
    return [content.worded(line) for line in lines if line]


def _caption(content: ReportContent, notes: list[str]) -> Text:
    evaluation = content.evaluation
    result = Text.assemble(
        f"Ensemble of {evaluation.trained} (of {evaluation.requested} requested): test accuracy ",
        (percent(evaluation.test.accuracy), "bold green"),
        f", train accuracy {percent(evaluation.train.accuracy)}",
    )
    return caption(content, [result, *map(Text, _comparison(content))], doubts(content), notes, "probability")
