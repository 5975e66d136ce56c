"""What every command needs to talk with people: exit codes, printable output, and paths as users type them."""

from deepchord.shared.command_line.commands import run_commands
from deepchord.shared.command_line.console import PrintableConsole, new_console, print_table
from deepchord.shared.command_line.output import open_output
from deepchord.shared.command_line.paths import home_path, matching_paths, printable_path, user_path
from deepchord.shared.command_line.printable import label, printable

__all__ = [
    "PrintableConsole",
    "home_path",
    "label",
    "matching_paths",
    "new_console",
    "open_output",
    "print_table",
    "printable",
    "printable_path",
    "run_commands",
    "user_path",
]
