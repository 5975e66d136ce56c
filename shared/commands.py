"""How every command of deepchord ends when it cannot do what was asked: one sentence and a named exit code."""

import sys
from typing import NoReturn

import typer

from shared.errors import DeepchordError, ExitCode
from shared.foreign_variables import leave_out_foreign


def run_commands(commands: typer.Typer) -> NoReturn:
    """Run the command line and exit; an expected error becomes one sentence on stderr, never a traceback."""
    ignored = leave_out_foreign()
    if ignored:
        sys.stderr.write(f"note: {ignored}\n")
    try:
        commands()
    except DeepchordError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    sys.exit(ExitCode.OK)
