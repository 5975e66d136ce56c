"""Runs worker processes until all have ended, and hands on what they are told by a terminal or a service."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from deepchord.shared.errors import STOPPED_EXIT_CODES, TERMINATION_SIGNALS, ExitCode

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2


def run_each(commands: Iterable[tuple[str, list[str]]]) -> int:
    """Run a worker process per command until all have ended; Ctrl-C and the other terminations reach every one of them.

    The others go on without one that was refused, as its device is, say. When one dies they are told to end, too, so
    that whoever starts workers anew sees it.

    Args:
        commands: The name of each worker, and its command.

    Returns:
        The exit code of the command: an error if a worker died, or if all were refused.
    """
    workers = _Processes()
    for number in (*TERMINATION_SIGNALS, signal.SIGINT):
        # A terminal sends Ctrl-C to all of its processes; then the workers have it already, and a second one counts.
        # What is ignored would be ignored by them, too, until Celery listens.
        signal.signal(number, _do_nothing if number == signal.SIGINT and _is_in_front() else workers.leave)
    codes: list[int] = []
    try:
        for name, command in commands:
            workers.start(name, command)
        while workers.running:
            for name, found in workers.ended():
                codes.append(found)
                if found == ExitCode.BAD_INPUT:
                    logger.error("Worker %s was refused; the others go on.", name)
                elif found not in STOPPED_EXIT_CODES and not workers.are_leaving:
                    logger.error("Worker %s died with exit code %d; the others end, too.", name, found)
                    workers.leave(signal.SIGTERM)
            # Nothing portable waits for the first of several processes.
            time.sleep(_LOOK_EVERY_S)
    finally:
        workers.leave(signal.SIGTERM)
    return int(_code_of(codes))


def _code_of(codes: Sequence[int]) -> ExitCode:
    """Return a command's exit code from those of its workers: that one was refused is no matter if others worked."""
    if ExitCode.WORKERS_STOPPED in codes:
        return ExitCode.WORKERS_STOPPED
    have_worked = not codes or any(code in STOPPED_EXIT_CODES for code in codes)
    have_died = any(code not in (*STOPPED_EXIT_CODES, ExitCode.BAD_INPUT) for code in codes)
    return ExitCode.OK if have_worked and not have_died else ExitCode.BAD_INPUT


def _is_in_front() -> bool:
    """Say whether a terminal's Ctrl-C reaches this process and those that it starts, wherever their input is from."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:  # without a terminal
        return False


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Handle a signal."""


class _Processes:
    """Worker processes that end together."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.are_leaving = False

    def start(self, name: str, command: list[str]) -> None:
        """Start one more, unless all were told to end in the meantime."""
        if self.are_leaving:
            return
        process = self.running[name] = subprocess.Popen(command, close_fds=False)
        if self.are_leaving:  # said while it was being started
            process.terminate()

    def leave(self, number: int, _: FrameType | None = None) -> None:
        """Tell all of them to end, by this signal if it is Ctrl-C's; also the handler of it.

        Celery would begin anew at a hangup, and drop its member at SIGQUIT.
        """
        self.are_leaving = True
        told = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
        for process in list(self.running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(told)

    def ended(self) -> list[tuple[str, int]]:
        """Return name and exit code of those that have ended since this was last asked."""
        found = [(name, process.returncode) for name, process in self.running.items() if process.poll() is not None]
        for name, _ in found:
            del self.running[name]
        return found
