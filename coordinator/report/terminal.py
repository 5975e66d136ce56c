"""The summary table as the terminal shows it."""

from string import ascii_lowercase

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from coordinator.report.content import ReportContent
from coordinator.report.doubts import doubts
from coordinator.report.formats import failure_of, percent, points
from coordinator.report.tables import Column, SummaryRow, columns, summary_rows

_TRAINER = ("host", "engine", "device")
#: Stands for host, engine and device where those do not fit.
_ON = Column(field="on", label="On")


def summary_table(content: ReportContent, width: int = 80) -> Table:
    """Return the table with the ensemble's result below it.

    Host, engine and device stand below the table where all members have the same; they are columns where they
    differ and fit, and else letters that are explained below.

    Args:
        content: What is reported.
        width: Characters in a line of the terminal.
    """
    rows = summary_rows(content)
    trainers = {text: None for row in rows if (text := _trainer(row))}
    letters = {text: _letters(position) for position, text in enumerate(trainers)}
    shown = columns(content)
    notes = []
    if len(letters) == 1:
        shown = tuple(column for column in shown if column.field not in _TRAINER)
        notes = [f"Trained on {text}" for text in letters]
    elif letters and _natural_width(shown, rows) > width:
        seconds = shown[-1]
        shown = (*(column for column in shown if column.field not in (*_TRAINER, seconds.field)), _ON, seconds)
        notes = [f"{letter}: {text}" for text, letter in letters.items()]
    table = _empty_table(content.title, shown)
    for row in rows:
        if row.status == "average":
            table.add_section()
        table.add_row(*(_cell(column, row, letters) for column in shown), style=_style(row))
    table.caption = _caption(content, notes)
    return table


def _empty_table(title: str, shown: tuple[Column, ...]) -> Table:
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        caption_justify="left",
        caption_style="none",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in shown:
        is_text = column.field in ("member", "on", *_TRAINER)
        table.add_column(_heading(column), justify="left" if is_text else "right", no_wrap=True, vertical="bottom")
    return table


def _heading(column: Column) -> str:
    return column.label.replace(" ", "\n")


def _cell(column: Column, row: SummaryRow, letters: dict[str, str]) -> Text:
    if row.status == "failed" and column.field == "epoch":
        return Text("failed")
    return Text(letters.get(_trainer(row), "") if column is _ON else column.text(row))


def _style(row: SummaryRow) -> str:
    return {"failed": "red", "average": "bold"}.get(row.status, "")


def _trainer(row: SummaryRow) -> str:
    return ", ".join(value for field in _TRAINER if (value := getattr(row, field)))


def _letters(position: int) -> str:
    """Return the letters of a place in a list: a, b … z, aa, ab and so on."""
    before, letter = divmod(position, len(ascii_lowercase))
    return (_letters(before - 1) if before else "") + ascii_lowercase[letter]


def _natural_width(shown: tuple[Column, ...], rows: tuple[SummaryRow, ...]) -> int:
    widths = (max(cell_len(text) for text in _texts(column, rows)) for column in shown)
    return sum(widths) + len(shown)


def _texts(column: Column, rows: tuple[SummaryRow, ...]) -> list[str]:
    return [*_heading(column).split("\n"), *(column.text(row) for row in rows)]


def _caption(content: ReportContent, notes: list[str]) -> Text:
    evaluation = content.evaluation
    lines = [
        Text.assemble(
            f"Ensemble of {evaluation.trained} (of {evaluation.requested} requested): test accuracy ",
            (percent(evaluation.test.accuracy), "bold green"),
            f", train accuracy {percent(evaluation.train.accuracy)}",
        ),
        Text(
            f"{points(content.gain_over_average)} points over the average member, "
            f"{points(content.gain_over_best)} over the best"
        ),
        *(Text(f"warning: {doubt}", style="yellow") for doubt in doubts(content)),
        *(Text(note, style="dim") for note in notes),
    ]
    if content.largest_parity is not None:
        differ = f"differ by at most {content.largest_parity:.1e}" if content.largest_parity else "do not differ"
        agree = f"Members and evaluator {differ} in any probability"
        lines.append(Text(agree, style="dim"))
    for index, member in content.failed.items():
        lines.append(Text(f"Member {content.name(index)} {failure_of(member)}: {member.error}", style="red"))
    return Text("\n").join(lines)
