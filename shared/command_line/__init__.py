"""What every command needs to talk with people: exit codes, printable output, and paths as users type them."""

from typing import TYPE_CHECKING, Any

from deepchord.shared.command_line.commands import run_commands
from deepchord.shared.command_line.output import open_output
from deepchord.shared.command_line.paths import home_path, matching_paths, printable_path, user_path
from deepchord.shared.command_line.printable import label, printable
from deepchord.shared.command_line.times import parse_duration, parse_moment

if TYPE_CHECKING:
    from deepchord.shared.command_line.console import PrintableConsole, new_console, print_table

__all__ = [
    "PrintableConsole",
    "home_path",
    "label",
    "matching_paths",
    "new_console",
    "open_output",
    "parse_duration",
    "parse_moment",
    "print_table",
    "printable",
    "printable_path",
    "run_commands",
    "user_path",
]


def __getattr__(name: str) -> Any:
    """Import the console when it is first asked for: it needs rich, which workers and `--version` do not."""
    if name not in ("PrintableConsole", "new_console", "print_table"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deepchord.shared.command_line import console

    return getattr(console, name)
