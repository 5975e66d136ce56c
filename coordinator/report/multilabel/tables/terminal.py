"""The summary tables of predicted labels as the terminal shows them: the members, and the labels."""

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.report.content import count, isolated, percent
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.multilabel.findings import (
    LabelLine,
    calibration_sentence,
    doubts,
    gain_sentence,
    label_lines,
    loss_sentence,
    spread_sentence,
)
from deepchord.coordinator.report.multilabel.tables.columns import columns, member_rows, total_rows
from deepchord.coordinator.report.tables import caption, member_lines
from deepchord.shared.command_line import label

#: What a narrow terminal leaves out, in this order, until the rest fits.
_LEAST_NEEDED = (
    "kept_train_hamming_loss",
    "kept_train_loss",
    "seconds",
    "kept_validation_hamming_loss",
    "on",
    "kept_validation_loss",
    "kept_epoch",
    "test_brier_score",
    "test_calibration_error",
    "test_micro_f1",
)
#: Of more labels only the first are shown.
_MAX_LABELS = 30
_LEGEND = (
    "NLL (binary cross-entropy, nats), Hamming (share of wrong labels), Brier and ECE: lower is better; Exact (all "
    "labels of a row right) and F1: higher",
    "Kept: the epoch of the lowest validation loss, whose weights were tested",
)


def summary_table(content: MultilabelContent, width: int = 80) -> Group:
    """Return the table of the members and that of the labels, with the ensemble's result below them.

    Args:
        content: What is reported.
        width: Characters in a line of the terminal.
    """
    rows = member_rows(content)
    lines = [*rows.values(), *total_rows(content, rows.values())]
    members = member_lines(content.title, columns(content), lines, _LEAST_NEEDED, width)
    is_kept = any(column.group == "kept" for column in members.columns)
    notes = [*(_LEGEND if is_kept else _LEGEND[:1]), *members.notes]
    if hidden := len(content.labels) - _MAX_LABELS:
        notes += [f"{count(hidden, 'more label')} in summary.json"] if hidden > 0 else []
    said = caption(content, _said(content), doubts(content), notes, "probability")
    return Group(members.table, Text(), _labels(content), Text(), said)


def _labels(content: MultilabelContent) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Label", overflow="ellipsis")
    for heading in ("Test\nShare", "Test\nF1", "Test\nROC-AUC", "Test\nNLL", "Disagree-\nment"):
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    for line in label_lines(content)[:_MAX_LABELS]:
        table.add_row(Text(isolated(label(line.name))), *_cells(line))
    return table


def _cells(line: LabelLine) -> tuple[str, ...]:
    known = ["" if score is None else f"{score:.4f}" for score in (line.f1, line.area_under_roc)]
    return percent(line.prevalence, 1), *known, f"{line.negative_log_likelihood:.4f}", f"{line.epistemic:.4f}"


def _said(content: MultilabelContent) -> list[Text]:
    evaluation = content.evaluation
    test = evaluation.test
    lines = [
        Text(f"Ensemble of {evaluation.trained} (of {evaluation.requested} requested):"),
        Text.assemble(
            "exact match ",
            (percent(test.exact_match.value), "bold green"),
            f", Hamming loss {percent(test.hamming_loss.value)}, micro F1 {_f1(test.micro_f1)}, macro F1 "
            f"{_f1(test.macro_f1)}",
        ),
    ]
    if evaluation.trained > 1:
        lines += [Text(gain_sentence(content)), Text(loss_sentence(content))]
    sentences = (calibration_sentence(content), spread_sentence(content))
    return lines + [Text(content.worded(sentence)) for sentence in sentences]


def _f1(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.4f}"
