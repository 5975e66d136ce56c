"""A table of members as the terminal shows it: what does not fit is left out, who trained may stand below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.report.content import count, short_names
from deepchord.coordinator.report.tables.column import TRAINER, Column, MemberRow, trainer_of

#: Replaces host, engine and device if those do not fit.
_ON = Column(field="on", label="On", short="On", group="training")
#: A member's name is not shortened to fewer characters than this.
_SHORTEST_NAME = 8
#: Characters between two columns.
_GAP = 2
#: What the lines of members say of them; others stand below these.
_MEMBERS = ("trained", "failed")


@dataclass(frozen=True, kw_only=True)
class MemberLines:
    """A table of members for a terminal."""

    table: Table
    #: The columns that fit.
    columns: tuple[Column, ...]
    #: How many columns are left out, and what letters stand for.
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """What stands in the cells."""

    rows: Sequence[MemberRow]
    #: The letters for who trained, by that in words.
    letters: dict[str, str]
    #: The field in which a failed member is said to have failed.
    failed_field: str

    def text(self, column: Column, row: MemberRow) -> str:
        """Return what stands in a cell."""
        if row.status == "failed" and column.field == self.failed_field:
            return "failed"
        return self.letters.get(trainer_of(row), "") if column is _ON else column.text(row)

    def width(self, shown: Sequence[Column]) -> int:
        """Return how many characters a table of these columns takes."""

        def width(column: Column) -> int:
            texts = [*_heading(column).split("\n"), *(self.text(column, row) for row in self.rows)]
            return max(cell_len(text) for text in texts)

        return sum(width(column) + _GAP for column in shown) - _GAP


def member_lines(
    title: str, columns: tuple[Column, ...], rows: Sequence[MemberRow], least_needed: Sequence[str], width: int
) -> MemberLines:
    """Return a table of members.

    Host, engine and device stand below the table if all members have the same. If they differ they are columns, or,
    where these do not fit, letters that are explained below the table. Other columns that do not fit are left out, the
    least important first, and a line below the table says how many.

    Args:
        title: What stands above it.
        columns: All columns; the first one of the group `test` says which members failed.
        rows: Its lines.
        least_needed: The fields of the columns that may be left out, in this order; `on` is who trained.
        width: Characters in a line of the terminal.
    """
    trainers = {text: None for row in rows if (text := trainer_of(row))}
    texts = _Texts(
        rows=rows,
        letters={text: _letters(position) for position, text in enumerate(trainers)},
        failed_field=next(column.field for column in columns if column.group == "test"),
    )
    shown, notes = _with_trainers(columns, texts, width)
    fitting = _fitting(shown, texts, least_needed, width)
    if missing := len(shown) - len(fitting):
        notes = [f"{count(missing, 'more column')} in summary.csv", *notes]
    names = _names(rows, texts.width(fitting) - width)
    table = _empty_table(title, fitting)
    for name, row, before in zip(names, rows, (None, *rows), strict=False):
        if before is not None and row.status not in _MEMBERS and before.status in _MEMBERS:
            table.add_section()
        cells = (name if column.field == "member" else texts.text(column, row) for column in fitting)
        table.add_row(*map(Text, cells), style=_style(row))
    return MemberLines(table=table, columns=fitting, notes=tuple(notes))


def _with_trainers(shown: tuple[Column, ...], texts: _Texts, width: int) -> tuple[tuple[Column, ...], list[str]]:
    """Return the columns with host, engine and device, or what replaces them, and the lines about them."""
    letters = texts.letters
    if len(letters) == 1:
        return tuple(column for column in shown if column.field not in TRAINER), [f"Trained on {next(iter(letters))}"]
    if not letters or texts.width(shown) <= width:
        return shown, []
    seconds = shown[-1]
    others = tuple(column for column in shown if column.field not in (*TRAINER, seconds.field))
    return (*others, _ON, seconds), [f"{letter}: {text}" for text, letter in letters.items()]


def _fitting(shown: tuple[Column, ...], texts: _Texts, least_needed: Sequence[str], width: int) -> tuple[Column, ...]:
    for field in least_needed:
        if texts.width(shown) <= width:
            break
        shown = tuple(column for column in shown if column.field != field)
    return shown


def _names(rows: Sequence[MemberRow], too_wide: int) -> Sequence[str]:
    """Return the names of the rows, shorter by so many characters, and still different."""
    names = [row.member for row in rows]
    if too_wide <= 0:
        return names
    return short_names(names, max(_SHORTEST_NAME, max(map(cell_len, names)) - too_wide))


def _empty_table(title: str, shown: Sequence[Column]) -> Table:
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


def _style(row: MemberRow) -> str:
    return {"trained": "", "failed": "red"}.get(row.status, "bold")


def _letters(position: int) -> str:
    """Return the letters for a position from 0: a, b … z, aa, ab and so on."""
    before, letter = divmod(position, len(ascii_lowercase))
    return (_letters(before - 1) if before else "") + ascii_lowercase[letter]
