"""The console for tables and views; text from outside cannot control the terminal through it."""

from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType  # noqa: TID251  all other files use this console
from rich.segment import Segment
from rich.table import Table

from deepchord.shared.command_line.printable import printable

#: A width in characters that no line reaches.
_UNLIMITED_WIDTH = 100_000


class PrintableConsole(Console):
    """A console that prints no control characters except those of rich, for colours and the cursor."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of a renderable with printable text."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def new_console(file: IO[str] | None = None) -> PrintableConsole:
    """Return a console as wide as the terminal; it writes to stdout if no file is given."""
    return PrintableConsole(file=file)


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal; if the output is not a terminal, as wide as the table needs."""
    console = new_console()
    if not console.is_terminal:
        needed = console.measure(table, options=console.options.update(width=_UNLIMITED_WIDTH)).maximum
        console.width = max(console.width, needed)
    console.print(table)
