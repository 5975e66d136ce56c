"""Runs worker processes until all have ended, and passes stop signals on to them."""

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

_POLL_INTERVAL_S = 0.2


def run_each(commands: Iterable[tuple[str, list[str]]]) -> int:
    """Run a worker process per command until all have ended; Ctrl-C and other stop signals reach all of them.

    If one worker is refused, for instance because of its device, the others go on. If one dies, the others are stopped,
    so that a service manager sees the failure and restarts them.

    Args:
        commands: The name of each worker, and its command.

    Returns:
        The exit code of the command: an error if a worker died, or if all were refused.
    """
    workers = _Processes()
    for number in (*TERMINATION_SIGNALS, signal.SIGINT):
        # A terminal sends Ctrl-C to all of its processes, so the workers get it without us. Not SIG_IGN: the workers
        # would inherit it, and ignore Ctrl-C until Celery sets its handlers.
        signal.signal(number, _do_nothing if number == signal.SIGINT and _is_in_foreground() else workers.leave)
    codes: list[int] = []
    try:
        for name, command in commands:
            workers.start(name, command)
        while workers.running:
            for name, code in workers.ended():
                codes.append(code)
                if code == ExitCode.BAD_INPUT:
                    logger.error("Worker %s was refused; the others go on.", name)
                elif code not in STOPPED_EXIT_CODES and not workers.are_leaving:
                    logger.error("Worker %s died with exit code %d; the others end, too.", name, code)
                    workers.leave(signal.SIGTERM)
            # There is no portable call that waits for the first of several processes.
            time.sleep(_POLL_INTERVAL_S)
    finally:
        workers.leave(signal.SIGTERM)
    return int(_code_of(codes))


def _code_of(codes: Sequence[int]) -> ExitCode:
    """Return the exit code for the codes of the workers: a refused worker does not matter if another one worked."""
    if ExitCode.WORKERS_STOPPED in codes:
        return ExitCode.WORKERS_STOPPED
    have_worked = not codes or any(code in STOPPED_EXIT_CODES for code in codes)
    have_died = any(code not in (*STOPPED_EXIT_CODES, ExitCode.BAD_INPUT) for code in codes)
    return ExitCode.OK if have_worked and not have_died else ExitCode.BAD_INPUT


def _is_in_foreground() -> bool:
    """Return whether the Ctrl-C of a terminal reaches this process and its children, whatever their stdin is."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:  # without a terminal
        return False


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Handle a signal."""


class _Processes:
    """Worker processes that are stopped together."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.are_leaving = False

    def start(self, name: str, command: list[str]) -> None:
        """Start one more, unless all were told to stop."""
        if self.are_leaving:
            return
        process = self.running[name] = subprocess.Popen(command, close_fds=False)
        if self.are_leaving:  # the signal came while it was being started
            process.terminate()

    def leave(self, number: int, _: FrameType | None = None) -> None:
        """Tell all workers to stop: with SIGINT if `number` is SIGINT, else with SIGTERM. Also a signal handler.

        Celery would restart at SIGHUP, and drop its member at SIGQUIT.
        """
        self.are_leaving = True
        sent = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
        for process in list(self.running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sent)

    def ended(self) -> list[tuple[str, int]]:
        """Return name and exit code of the workers that have ended since the last call."""
        ended = [(name, process.returncode) for name, process in self.running.items() if process.poll() is not None]
        for name, _ in ended:
            del self.running[name]
        return ended
