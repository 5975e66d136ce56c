"""Child processes with a log each, that can be recognised later and are stopped with all that they started."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import psutil
import tenacity
from pydantic import PositiveFloat, PositiveInt

from deepchord.shared.validation import Message

_TAIL_LINES = 15
_TAIL_BYTES = 16 * 1024
_KILLED_WITHIN_S = 10.0


class ProcessIdentity(Message):
    """What tells a process from a later one with the same number."""

    pid: PositiveInt
    #: When it started, in seconds since 1970 by this host's clock.
    started_at_s: PositiveFloat

    def is_of(self, process: psutil.Process) -> bool:
        """Return whether the process is the very one that was recorded."""
        return bool(process.pid == self.pid and abs(process.create_time() - self.started_at_s) < 1.0)


class ChildProcess:
    """A child process, leader of a process group of its own; it can be started anew after it has ended."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> None:
        self.name = name
        self.log = log
        #: How often it was started since it last ran for long.
        self.starts = 0
        #: When it was started last, on the clock that goes forward.
        self.started_at = 0.0
        #: Of the process started last; none before, or if that ended before it could be looked at.
        self.identity: ProcessIdentity | None = None
        self._command = list(command)
        self._environment = dict(environment)
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it writes is added to its log.

        Raises:
            OSError: The command cannot be run or the log cannot be written.
        """
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        self.starts += 1
        self.started_at = time.monotonic()
        self.identity = _identify(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """What it ended with, a negative number of a signal; None until it was reaped."""
        return self._process.returncode if self._process else None

    @property
    def exit_status(self) -> str:
        """How it ended, in words."""
        code = self.exit_code
        if code is None:
            return "not ended"
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def has_ended(self) -> bool:
        """Return whether it has ended; it is not reaped, so that its number still names its group."""
        if self._process is None or self._process.returncode is not None:
            return True
        return not is_alive(self._process.pid)

    def terminate(self) -> None:
        """Ask it and all that it started to end."""
        self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and all that it started, and wait until they are gone."""
        if self._process is None or self._process.returncode is not None:
            return
        family = with_children([self._process.pid])
        self._signal_group(signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        wait_until_gone(family)

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-_TAIL_LINES:]) or "(the log is empty)"

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        # macOS answers PermissionError for a group in which only an ended process is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def is_alive(pid: int) -> bool:
    """Return whether a process of that number runs; one that has ended and was not reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def with_children(pids: Iterable[int]) -> list[psutil.Process]:
    """Return the processes that exist among these numbers, and all that they started."""
    family = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            family[pid] = process
            family.update({child.pid: child for child in process.children(recursive=True)})
    return list(family.values())


def wait_until_gone(processes: Iterable[psutil.Process]) -> bool:
    """Return whether killed processes are gone; they are given a while."""
    doomed = list(processes)
    return becomes_true(lambda: not any(p.is_running() and is_alive(p.pid) for p in doomed), _KILLED_WITHIN_S)


def becomes_true(condition: Callable[[], bool], limit_s: float) -> bool:
    """Wait until a condition holds, and return whether it did within the limit."""
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda holds: not holds),
        stop=tenacity.stop_after_delay(limit_s),
        wait=tenacity.wait_fixed(0.05),
        retry_error_callback=lambda _state: False,
    )
    return waiting(condition)


def _identify(pid: int) -> ProcessIdentity | None:
    try:
        return ProcessIdentity(pid=pid, started_at_s=psutil.Process(pid).create_time())
    except psutil.Error:
        return None
