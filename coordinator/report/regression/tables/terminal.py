"""The summary tables of predicted numbers as the terminal shows them: one for each number."""

from rich.console import Group, RenderableType
from rich.text import Text

from deepchord.coordinator.report.content import count, isolated
from deepchord.coordinator.report.findings import unseen_line
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import (
    coverage_sentence,
    doubts,
    error_gain_sentence,
    error_gains,
    in_unit,
    kept_sentence,
    loss_gain_sentence,
    scaling_source,
    score_text,
    shift_sentence,
    spread_sentence,
    target_rows,
)
from deepchord.coordinator.report.regression.tables.columns import columns, member_rows, total_rows
from deepchord.coordinator.report.tables import TRAINER, MemberLines, caption, member_lines
from deepchord.shared.command_line import label

#: What a narrow terminal leaves out, in this order, until the rest fits.
_LEAST_NEEDED = (
    "kept_train_error",
    "kept_train_loss",
    "seconds",
    "kept_validation_error",
    "on",
    "kept_validation_loss",
    "kept_epoch",
    "test_mean_absolute_error",
)
#: Of more numbers only the first are shown.
_MAX_TARGETS = 6
_LEGEND = (
    "RMSE, MAE and CRPS are in the number's own unit, NLL in nats; lower is better, of R² higher",
    "Kept: the epoch of the lowest validation loss, whose weights were tested; its errors are in standard deviations",
)


def summary_table(content: RegressionContent, width: int = 80) -> Group:
    """Return a table for each number, with the ensemble's result below them; see `member_lines`.

    Args:
        content: What is reported.
        width: Characters in a line of the terminal.
    """
    tables = [_lines(content, target, width) for target in range(min(_MAX_TARGETS, len(content.targets)))]
    hidden = len(content.targets) - len(tables)
    notes = [f"{count(hidden, 'more number')} in summary.csv"] if hidden else []
    is_kept = any(column.group == "kept" for column in tables[0].columns)
    notes += [*(_LEGEND if is_kept else _LEGEND[:1]), *tables[0].notes]
    shown: list[RenderableType] = []
    for each in tables:
        shown += [each.table, Text()]
    return Group(*shown, caption(content, _said(content, len(tables)), doubts(content), notes, "output"))


def _lines(content: RegressionContent, target: int, width: int) -> MemberLines:
    """Return the table of a number; what is the same for all of them stands in the first one only."""
    rows = member_rows(content, target)
    lines = [*rows.values(), *total_rows(content, target, rows.values())]
    shown = columns(content, content.targets[target])
    if target > 0:
        shown = tuple(column for column in shown if column.group in ("member", "test"))
        lines = [row.model_copy(update=dict.fromkeys(TRAINER)) for row in lines]
    return member_lines(f"{content.title}: {_name(content, target)}", shown, lines, _LEAST_NEEDED, width)


def _name(content: RegressionContent, target: int) -> str:
    return isolated(label(content.targets[target].name))


def _said(content: RegressionContent, targets: int) -> list[Text]:
    evaluation, rows, gains = content.evaluation, target_rows(content), error_gains(content)
    lines = [Text(f"Ensemble of {evaluation.trained} (of {evaluation.requested} requested):")]
    for place in range(targets):
        test = evaluation.test[place]
        error = in_unit(test.root_mean_squared_error, content.targets[place])
        lines.append(
            Text.assemble(
                f"{_name(content, place)}: test RMSE ",
                (error, "bold green"),
                f", R² {score_text(test.r_squared)}, train R² {score_text(evaluation.train[place].r_squared)}",
            )
        )
        if evaluation.trained > 1:
            lines.append(Text(f"  {error_gain_sentence(gains[place])}"))
            lines.append(Text(f"  {loss_gain_sentence(content, place)}"))
        lines.append(Text(f"  {content.worded(coverage_sentence(content, rows[place]))}"))
    of_studies = (unseen_line(content), shift_sentence(content))
    sentences = (scaling_source(content), spread_sentence(content), kept_sentence(content), *of_studies)
    return lines + [Text(content.worded(sentence)) for sentence in sentences if sentence]
