"""The columns of a table's rows, for the terminal: their kinds and values, and what is missing."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from deepchord.shared.command_line import label
from deepchord.shared.datasets import ColumnOutline, Examination
from deepchord.shared.tables import DROP_WORDS, number_text

#: Of more columns the first are shown.
_MAX_COLUMNS = 40
#: Longer values are cut.
_MAX_LENGTH = 24
_KINDS = {"number": "number", "boolean": "truth value", "category": "category", "date": "date", None: "\u2013"}


def columns_table(columns: Sequence[ColumnOutline]) -> Iterator[RenderableType]:
    """Yield a table of the first columns, and how many more there are."""
    table = Table(box=box.SIMPLE_HEAD)
    table.pad_edge = table.show_edge = False
    for name in ("column", "kind", "training values"):
        table.add_column(name)
    for name in ("missing", "in test", "features"):
        table.add_column(name, justify="right")
    for each in columns[:_MAX_COLUMNS]:
        style = "dim" if each.left_out else ""
        counts = (f"{count:,}" for count in (each.missing_train, each.missing_test, each.features))
        table.add_row(Text(label(each.name)), _KINDS[each.kind], Text(_values(each)), *counts, style=style)
    yield table
    hidden = len(columns) - _MAX_COLUMNS
    if hidden > 0:
        are = "column is" if hidden == 1 else "columns are"
        yield Text(f"{hidden:,} more {are} not shown: --json shows all", style="dim")


def use_of_columns(examination: Examination) -> str:
    """Return in words what the columns become."""
    (features,) = examination.train.shape[-1:]
    used = sum(not column.left_out for column in examination.columns)
    becomes = "1 column becomes" if used == 1 else f"{used:,} columns become"
    return f"{becomes} {features:,} {'feature' if features == 1 else 'features'}, scaled by the training rows."


def _values(column: ColumnOutline) -> str:
    """Return the range of a column's values or the most frequent ones, or why it is left out."""
    if column.left_out is not None:
        return f"left out: {DROP_WORDS[column.left_out]}"
    if column.lowest is not None and column.highest is not None:
        lowest, highest = (end if isinstance(end, str) else number_text(end) for end in (column.lowest, column.highest))
        return f"{lowest} to {highest}"
    named = ", ".join(f"{_cut(label(each.value))} ({each.rows:,})" for each in column.frequent)
    hidden = column.distinct - len(column.frequent)
    return f"{named}, {hidden:,} more" if hidden > 0 else named


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}\u2026"
