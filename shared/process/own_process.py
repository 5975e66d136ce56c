"""A function in a Python process of its own: for what may crash or hang, or what a process can hold only once."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deepchord.shared.import_path import HOME
from deepchord.shared.process.foreign_variables import READABLE_OUTPUT

#: Finds deepchord also where it is not installed, and before any other module of that name.
_PROGRAM = f"import sys; {HOME!r} in sys.path or sys.path.insert(0, {HOME!r}); from {__name__} import call; call()"


@dataclass(frozen=True, kw_only=True)
class ProcessResult:
    """How a process of its own ended, and what it wrote."""

    #: The exit code; less than 0: the signal that ended it; None: it took too long and was stopped.
    code: int | None
    #: What it wrote to stdout and stderr; empty where that was not captured.
    output: str = ""
    errors: str = ""

    @property
    def signal(self) -> str | None:
        """Return the name of the signal that ended the process; None: none did."""
        return None if self.code is None or self.code >= 0 else signal.Signals(-self.code).name

    @property
    def last_error(self) -> str | None:
        """Return the last line that it wrote to stderr, which says why it failed; None: there is none."""
        lines = self.errors.strip().splitlines()
        return lines[-1].strip() if lines else None


def command_for(function: Callable[..., object] | str, *arguments: str) -> list[str]:
    """Return the command of a process that calls a function.

    No module is taken from the folder that the process is started in.

    Args:
        function: It stands at the top of its module. As a text, `module:function`: one that is not to be imported here.
        arguments: What it is called with; the process has them in `sys.argv`, too.
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
    """Call a function in a process of its own, and wait until that has ended; it reads nothing from stdin.

    Args:
        function: As for `command_for`.
        arguments: What it is called with.
        environment: Of the process; None: that of this one.
        within_s: The process is killed after so many seconds.
        capture: Whether to return what it writes; else it writes where this process does.
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
    """Call the function that the command of this process names."""
    module, _, function = sys.argv.pop(1).partition(":")
    getattr(importlib.import_module(module), function)(*sys.argv[1:])
