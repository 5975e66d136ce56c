"""Calls a function in a new Python process: for code that may crash or hang, or that can be loaded only once."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deepchord.shared.import_path import HOME
from deepchord.shared.process.foreign_variables import READABLE_OUTPUT

#: Finds this deepchord even if it is not installed, or if another one is.
_PROGRAM = f"import sys; {HOME!r} in sys.path or sys.path.insert(0, {HOME!r}); from {__name__} import call; call()"


@dataclass(frozen=True, kw_only=True)
class ProcessResult:
    """How a process ended, and what it wrote."""

    #: The exit code; a negative one: a signal ended the process; None: it took too long and was killed.
    code: int | None
    #: What it wrote to stdout and to stderr; empty if it was not captured.
    output: str = ""
    errors: str = ""

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended the process; None if no signal did."""
        return None if self.code is None or self.code >= 0 else signal.Signals(-self.code).name

    @property
    def last_error(self) -> str | None:
        """The last line on stderr, which usually says why the process failed; None if there is none."""
        lines = self.errors.strip().splitlines()
        return lines[-1].strip() if lines else None


def command_for(function: Callable[..., object] | str, *arguments: str) -> list[str]:
    """Return the command of a process that calls a function.

    The process imports no module from its current folder.

    Args:
        function: A function at the top level of its module. The text `module:function` names one that must not be
            imported in this process.
        arguments: The arguments of the function; the new process also has them in `sys.argv`.
    """
    name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
    return [sys.executable, "-P", "-c", _PROGRAM, name, *arguments]


def run_function(
    function: Callable[..., object] | str,
    *arguments: str,
    environment: Mapping[str, str] | None,
    within_s: float,
    capture: bool = True,
) -> ProcessResult:
    """Call a function in a new process and wait for its end; it reads nothing from stdin.

    Args:
        function: See `command_for`.
        arguments: The arguments of the function.
        environment: The environment of the new process; None: that of this process.
        within_s: The process is killed after this many seconds.
        capture: Whether to return the output; otherwise the process writes to the output of this process.
    """
    inherited = os.environ if environment is None else environment
    try:
        ended = subprocess.run(
            command_for(function, *arguments),
            env={**inherited, **READABLE_OUTPUT} if capture else inherited,
            timeout=within_s,
            stdin=subprocess.DEVNULL,
            capture_output=capture,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ProcessResult(code=None)
    return ProcessResult(code=ended.returncode, output=ended.stdout or "", errors=ended.stderr or "")


def call() -> None:
    """Call the function in the command of this process."""
    module, _, function = sys.argv.pop(1).partition(":")
    getattr(importlib.import_module(module), function)(*sys.argv[1:])
