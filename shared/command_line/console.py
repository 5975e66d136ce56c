"""The console that tables and views are printed on: it lets no foreign text steer the terminal."""

from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType  # noqa: TID251  the one that all take
from rich.segment import Segment
from rich.table import Table

from deepchord.shared.command_line.printable import printable

#: More characters than any line has.
_ENDLESS = 100_000


class PrintableConsole(Console):
    """A console whose only control characters are those of rich, for colours and the cursor."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what a renderable consists of, its text printable."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def new_console(file: IO[str] | None = None) -> PrintableConsole:
    """Return a console as wide as the terminal, on stdout if no file is given."""
    return PrintableConsole(file=file)


def print_table(table: Table) -> None:
    """Print a table: as wide as the terminal, but as wide as it needs where something else than a terminal reads it."""
    console = new_console()
    if not console.is_terminal:
        needed = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum
        console.width = max(console.width, needed)
    console.print(table)
