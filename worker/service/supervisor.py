"""Runs worker processes until all have ended, while the machine may be used, and passes stop signals on to them."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType

import psutil

from deepchord.shared.errors import STOPPED_EXIT_CODES, TERMINATION_SIGNALS, ExitCode
from deepchord.worker.availability import Decision, End, Wait, Work

logger = logging.getLogger(__name__)

_POLL_INTERVAL_S = 0.2


def run_each(
    commands: Iterable[tuple[str, list[str]]],
    look: Callable[[], Decision] = Work,
    waiting: Callable[[str | None], object] | None = None,
) -> int:
    """Run a worker process per command until all have ended; Ctrl-C and other stop signals reach all of them.

    If one worker is refused, for instance because of its device, the others go on. If one dies, the others are stopped,
    so that a service manager sees the failure and restarts them.

    Args:
        commands: The name of each worker, and its command. Nothing is asked for before the machine may be used.
        look: Says whether the machine may be used now. While it may not, workers hand their members over and end, and
            are started again afterwards.
        waiting: Called again and again with what is waited for while no worker runs, and with None before they start.

    Returns:
        The exit code of the command: an error if a worker died, or if all were refused.
    """
    workers = _Processes(commands, waiting or _tell_nobody)
    for number in (*TERMINATION_SIGNALS, signal.SIGINT):
        # A terminal sends Ctrl-C to all of its processes, so the workers get it without us. Not SIG_IGN: the workers
        # would inherit it, and ignore Ctrl-C until Celery sets its handlers.
        in_terminal = number == signal.SIGINT and _is_in_foreground()
        signal.signal(number, workers.expect_end if in_terminal else workers.leave)
    codes: list[int] = []
    try:
        while True:
            workers.obey(look())
            for name, code in workers.ended():
                codes.append(code)
                if code == ExitCode.BAD_INPUT:
                    logger.error("Worker %s was refused; the others go on.", name)
                elif code not in STOPPED_EXIT_CODES and not workers.are_leaving:
                    logger.error("Worker %s died with exit code %d; the others end, too.", name, code)
                    workers.leave(signal.SIGTERM)
            if workers.are_over:
                break
            # There is no portable call that waits for the first of several processes.
            time.sleep(_POLL_INTERVAL_S)
    finally:
        workers.leave(signal.SIGTERM)
        if waiting is not None:
            waiting(None)
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


def _tell_nobody(reason: str | None) -> None:
    """Tell nobody what is waited for."""


class _Processes:
    """Worker processes that are started and stopped together."""

    def __init__(self, commands: Iterable[tuple[str, list[str]]], tell_waiting: Callable[[str | None], object]) -> None:
        self._tell_waiting = tell_waiting
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.are_leaving = False
        self._asked_for: Iterable[tuple[str, list[str]]] | None = commands
        #: What is started when the machine may be used; those that have ended by themselves are not.
        self._commands: dict[str, list[str]] = {}
        #: Which of those that run were told to stop until the machine may be used again.
        self._pausing: set[str] = set()
        self._end_is_expected = False

    @property
    def are_over(self) -> bool:
        """Whether none runs, and none will."""
        is_told = self.are_leaving or self._end_is_expected
        return not self.running and (is_told or (self._asked_for is None and not self._commands))

    def obey(self, decision: Decision) -> None:
        """Start, pause or end the workers, as was decided."""
        match decision:
            case Work():
                self._start_all()
            case Wait(reason=reason):
                self._pause()
                if not self.running:
                    self._tell_waiting(reason)
            case End() if not self.are_leaving:
                self.leave(signal.SIGTERM)

    def leave(self, number: int, _: FrameType | None = None) -> None:
        """Tell all workers to stop: with SIGINT if `number` is SIGINT, else with SIGTERM. Also a signal handler.

        Celery would restart at SIGHUP, and drop its member at SIGQUIT.
        """
        self.are_leaving = True
        sent = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
        for process in list(self.running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sent)

    def expect_end(self, number: int, _: FrameType | None = None) -> None:
        """Note that all workers were told to stop by somebody else. Also a signal handler."""
        del number
        self._end_is_expected = True

    def ended(self) -> list[tuple[str, int]]:
        """Return name and exit code of the workers that have ended since the last call, but for those that pause."""
        ended = [(name, process.returncode) for name, process in self.running.items() if process.poll() is not None]
        for name, _ in ended:
            del self.running[name]
        pausing = {name for name, code in ended if name in self._pausing and code in STOPPED_EXIT_CODES}
        self._pausing -= {name for name, _ in ended}
        for name, _ in ended:
            if name not in pausing:
                del self._commands[name]
        return [(name, code) for name, code in ended if name not in pausing]

    def _start_all(self) -> None:
        if self.are_leaving or self._end_is_expected:
            return
        if self._asked_for is None and self._commands.keys() <= self.running.keys():
            return
        self._tell_waiting(None)
        asked_for, self._asked_for = self._asked_for, None
        for name, command in [*self._commands.items()] if asked_for is None else asked_for:
            if name not in self.running:
                self._commands[name] = command
                self._start(name, command)

    def _start(self, name: str, command: list[str]) -> None:
        """Start one more, unless all were told to stop."""
        if self.are_leaving:
            return
        process = self.running[name] = subprocess.Popen(command, close_fds=False)
        if self.are_leaving:  # the signal came while it was being started
            process.terminate()

    def _pause(self) -> None:
        """Let those that run hand their members over and end, also what a worker that still starts has started."""
        for name, process in self.running.items():
            if name in self._pausing:
                continue
            self._pausing.add(name)
            with contextlib.suppress(psutil.Error):
                started = psutil.Process(process.pid).children(recursive=True)
                process.terminate()
                for each in started:
                    with contextlib.suppress(psutil.Error):
                        each.terminate()
