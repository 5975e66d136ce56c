"""Runs the commands of deepchord; a command that fails ends with one sentence and a named exit code."""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from deepchord.shared.command_line.output import open_output
from deepchord.shared.errors import DeepchordError, ExitCode, InputError
from deepchord.shared.process import is_completion, remove_foreign_variables


def run_commands(commands: Callable[[], Any]) -> NoReturn:
    """Run the command line, or a part of it in another process, and exit.

    An expected error becomes one sentence on stderr, never a traceback.

    Args:
        commands: A function that returns the exit code, or raises it as SystemExit; None stands for 0.
    """
    open_output()
    ignored = remove_foreign_variables()
    if ignored and not is_completion(os.environ):  # a shell would write the note into the line that it completes
        sys.stderr.write(f"note: {ignored}\n")
    try:
        _check_current_folder()
        code = _run(commands)
        sys.stdout.flush()
    except DeepchordError as error:
        if str(error):
            sys.stderr.write(f"error: {error}\n")
        code = error.exit_code
    sys.exit(code)


def _check_current_folder() -> None:
    """Raise `InputError` if the current folder no longer exists: relative paths and new processes need it."""
    try:
        os.getcwd()  # noqa: PTH109  the same call as in the libraries
    except OSError as error:
        raise InputError(
            f"The folder that this command was started in cannot be used ({error.strerror}); change into another one."
        ) from error


def _run(commands: Callable[[], Any]) -> Any:
    try:
        return commands() or ExitCode.OK
    except SystemExit as end:
        return end.code
