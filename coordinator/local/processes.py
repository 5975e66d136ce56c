"""Child processes, each with a log: another process can recognise them later, and they end with their children."""

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
    """The number and the start time of a process: a later process may have the same number."""

    pid: PositiveInt
    #: Seconds since 1970, by this host's clock.
    started_at_s: PositiveFloat

    def is_of(self, process: psutil.Process) -> bool:
        """Return whether a process is the one that was recorded."""
        return bool(process.pid == self.pid and abs(process.create_time() - self.started_at_s) < 1.0)


class ChildProcess:
    """A child process that leads a process group of its own, and that can be started again after it has ended."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> None:
        self.name = name
        self.log = log
        #: How often it was started; set back to 0 by the caller when it ran for long.
        self.starts = 0
        #: When it was last started, on the monotonic clock.
        self.started_at = 0.0
        #: Of the process that was last started; None if there is none, or if it ended at once.
        self.identity: ProcessIdentity | None = None
        self._command = list(command)
        self._environment = dict(environment)
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its output is appended to its log.

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
        """The exit code, or the negative number of the signal that ended it; None until it was reaped."""
        return self._process.returncode if self._process else None

    @property
    def exit_status(self) -> str:
        """How the process ended, in words."""
        code = self.exit_code
        if code is None:
            return "not ended"
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def has_ended(self) -> bool:
        """Return whether the process has ended; it is not reaped here, so that its number still names its group."""
        if self._process is None or self._process.returncode is not None:
            return True
        return not is_alive(self._process.pid)

    def terminate(self) -> None:
        """Ask the process and its children to end."""
        self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process and its children, and wait until they have ended."""
        if self._process is None or self._process.returncode is not None:
            return
        family = with_children([self._process.pid])
        self._signal_group(signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        wait_until_gone(family)

    def log_tail(self) -> str:
        """Return the last lines of the log."""
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
        # macOS raises PermissionError if only a process that has ended is left in the group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def is_alive(pid: int) -> bool:
    """Return whether a process with this id runs; False for a zombie, which has ended but is still listed."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def with_children(pids: Iterable[int]) -> list[psutil.Process]:
    """Return the processes with these numbers that exist, and all their children."""
    family = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            family[pid] = process
            family.update({child.pid: child for child in process.children(recursive=True)})
    return list(family.values())


def wait_until_gone(processes: Iterable[psutil.Process]) -> bool:
    """Wait until killed processes have ended; return whether they have within the usual time."""
    killed = list(processes)
    return becomes_true(lambda: not any(p.is_running() and is_alive(p.pid) for p in killed), _KILLED_WITHIN_S)


def becomes_true(condition: Callable[[], bool], limit_s: float) -> bool:
    """Wait at most `limit_s` seconds until a condition is true; return whether it became true."""
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
