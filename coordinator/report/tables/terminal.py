"""The summary table as the terminal shows it."""

from string import ascii_lowercase

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.report.content import ReportContent, count, failure_of, percent, short_names
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
from deepchord.coordinator.report.tables.columns import (
    BALANCED,
    TRAINER,
    Column,
    SummaryRow,
    columns,
    summary_rows,
    trainer_of,
)

#: Replaces host, engine and device if those do not fit.
_ON = Column(field="on", label="On", short="On", group="training")
#: A member's name is not shortened to fewer characters than this.
_SHORTEST_NAME = 8
#: Characters between two columns.
_GAP = 2
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
    """Return the table with the ensemble's result below it.

    Host, engine and device stand below the table if all members have the same. If they differ they are columns, or,
    where these do not fit, letters that are explained below the table. Other columns that do not fit are left out, the
    least important first, and a line below the table says how many.

    Args:
        content: What is reported.
        width: Characters in a line of the terminal.
    """
    rows = summary_rows(content)
    trainers = {text: None for row in rows if (text := trainer_of(row))}
    letters = {text: _letters(position) for position, text in enumerate(trainers)}
    shown, notes = _with_trainers(columns(content), rows, letters, width)
    fitting = _fitting(shown, rows, letters, width)
    if missing := len(shown) - len(fitting):
        notes = [f"{count(missing, 'more column')} in summary.csv", *notes]
    rows = _with_short_names(rows, _natural_width(fitting, rows, letters) - width)
    table = _empty_table(content.title, fitting)
    for row in rows:
        if row.status == "average":
            table.add_section()
        table.add_row(*(Text(_text(column, row, letters)) for column in fitting), style=_style(row))
    return Group(table, Text(), _caption(content, [*_legend(fitting), *notes]))


def _with_trainers(
    shown: tuple[Column, ...], rows: tuple[SummaryRow, ...], letters: dict[str, str], width: int
) -> tuple[tuple[Column, ...], list[str]]:
    """Return the columns with host, engine and device, or what replaces them, and the lines about them."""
    if len(letters) == 1:
        return tuple(column for column in shown if column.field not in TRAINER), [f"Trained on {next(iter(letters))}"]
    if not letters or _natural_width(shown, rows, letters) <= width:
        return shown, []
    seconds = shown[-1]
    others = tuple(column for column in shown if column.field not in (*TRAINER, seconds.field))
    return (*others, _ON, seconds), [f"{letter}: {text}" for text, letter in letters.items()]


def _fitting(
    shown: tuple[Column, ...], rows: tuple[SummaryRow, ...], letters: dict[str, str], width: int
) -> tuple[Column, ...]:
    for field in _LEAST_NEEDED:
        if _natural_width(shown, rows, letters) <= width:
            break
        shown = tuple(column for column in shown if column.field != field)
    return shown


def _with_short_names(rows: tuple[SummaryRow, ...], too_wide: int) -> tuple[SummaryRow, ...]:
    """Return rows with names that are shorter by so many characters, and still differ."""
    if too_wide <= 0:
        return rows
    names = [row.member for row in rows]
    cells = max(_SHORTEST_NAME, max(map(cell_len, names)) - too_wide)
    short = short_names(names, cells)
    return tuple(row.model_copy(update={"member": name}) for row, name in zip(rows, short, strict=True))


def _legend(shown: tuple[Column, ...]) -> list[str]:
    """Return what the words in the headings mean, as far as they are there."""
    groups = {column.group for column in shown}
    kept = ["Kept: the epoch of the best validation accuracy, whose weights were tested"] if "kept" in groups else []
    return kept + (["Highest, lowest: of any epoch, each by itself"] if "any" in groups else [])


def _empty_table(title: str, shown: tuple[Column, ...]) -> Table:
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in shown:
        is_text = column.field in ("member", "on", *TRAINER)
        table.add_column(_heading(column), justify="left" if is_text else "right", no_wrap=True, vertical="bottom")
    return table


def _heading(column: Column) -> str:
    return column.label.replace(" ", "\n")


def _text(column: Column, row: SummaryRow, letters: dict[str, str]) -> str:
    if row.status == "failed" and column.field == "test_accuracy":
        return "failed"
    return letters.get(trainer_of(row), "") if column is _ON else column.text(row)


def _style(row: SummaryRow) -> str:
    return {"failed": "red", "average": "bold"}.get(row.status, "")


def _letters(position: int) -> str:
    """Return the letters for a position from 0: a, b … z, aa, ab and so on."""
    before, letter = divmod(position, len(ascii_lowercase))
    return (_letters(before - 1) if before else "") + ascii_lowercase[letter]


def _natural_width(shown: tuple[Column, ...], rows: tuple[SummaryRow, ...], letters: dict[str, str]) -> int:
    def width(column: Column) -> int:
        texts = [*_heading(column).split("\n"), *(_text(column, row, letters) for row in rows)]
        return max(cell_len(text) for text in texts)

    return sum(width(column) + _GAP for column in shown) - _GAP


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
    lines = [
        Text.assemble(
            f"Ensemble of {evaluation.trained} (of {evaluation.requested} requested): test accuracy ",
            (percent(evaluation.test.accuracy), "bold green"),
            f", train accuracy {percent(evaluation.train.accuracy)}",
        ),
        *(Text(line) for line in _comparison(content)),
        *(Text(f"warning: {content.worded(doubt)}", style="yellow") for doubt in doubts(content)),
        *(Text(note, style="dim") for note in notes),
    ]
    if content.largest_parity is not None:
        differ = f"differ by at most {content.largest_parity:.1e}" if content.largest_parity else "do not differ"
        agree = f"Members and evaluator {differ} in any probability"
        lines.append(Text(agree, style="dim"))
    for index, member in content.failed.items():
        lines.append(Text(f"Member {content.name(index)} {failure_of(member)}: {member.error}", style="red"))
    return Text("\n").join(lines)
