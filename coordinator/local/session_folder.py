"""The folder of a session on this machine: its record, its broker's data, and a lock that ends with its coordinator."""

import os
import platform
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from deepchord.coordinator.local.processes import ProcessIdentity
from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.settings import Settings
from deepchord.shared.validation import Message

if sys.platform != "win32":
    import fcntl


class SessionRecord(Message):
    """What another process on this machine needs to use a session, or to stop its processes."""

    #: The host's name: several hosts may share a home folder.
    host: str = Field(default_factory=platform.node)
    #: The run that the session was started for.
    run_id: str | None = None
    #: The broker's URL with its password; None until the broker answers.
    broker: str | None = Field(default=None, repr=False)
    #: The processes that were started and not yet stopped.
    processes: tuple[ProcessIdentity, ...] = ()


class SessionFolder:
    """The folder of one session, readable by its owner only."""

    def __init__(self, state: Path, name: str) -> None:
        self.name = name
        self.path = _sessions(state) / name
        #: Where the broker keeps its append-only file.
        self.data = self.path / "data"
        self.broker_configuration = self.path / "valkey.conf"
        #: Kept after the session if it ended with an error.
        self.logs = state / "logs" / name
        self._lock = -1

    @classmethod
    def create(cls, settings: Settings) -> "SessionFolder":
        """Make the folder of a new session and lock it; the caller holds `sessions_lock`.

        Raises:
            OSError: The state folder cannot be written or locked.
        """
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        folder = cls(settings.state.absolute(), name)
        for path in (folder.path, folder.data, folder.logs):
            path.mkdir(mode=0o700, parents=True)
        if not folder.try_lock():
            raise OSError(f"the lock of the new folder {folder.path} is taken")
        folder.write(SessionRecord())
        return folder

    def try_lock(self) -> bool:
        """Take the lock until `unlock` or the end of this process; return False if another process holds it.

        Raises:
            OSError: The folder is gone, or its file system has no locks.
        """
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except OSError:
            os.close(lock)
            raise
        self._lock = lock
        return True

    def unlock(self) -> None:
        """Release the lock, if it is held."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def write(self, record: SessionRecord) -> None:
        """Replace the record in one step: a reader sees the old or the new one."""
        aside = self.path / "session.json.new"
        write_privately(aside, record.encode())
        aside.replace(self._record_path)

    def read(self) -> SessionRecord | None:
        """Return the record; None if the session has not written one, or the record is damaged."""
        try:
            return SessionRecord.decode(self._record_path.read_bytes(), str(self._record_path))
        except (OSError, MessageDecodeError):
            return None

    def remove(self) -> None:
        """Remove the folder, then release the lock; the logs stay."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.unlock()

    def remove_logs(self) -> None:
        """Remove the logs."""
        shutil.rmtree(self.logs, ignore_errors=True)

    @property
    def _record_path(self) -> Path:
        return self.path / "session.json"


def session_folders(settings: Settings) -> list[SessionFolder]:
    """Return the folders of all sessions, alive or dead, the oldest first."""
    state = settings.state.absolute()
    if not _sessions(state).is_dir():
        return []
    names = sorted(path.name for path in _sessions(state).iterdir() if path.is_dir())
    return [SessionFolder(state, name) for name in names]


@contextmanager
def sessions_lock(settings: Settings) -> Iterator[None]:
    """Hold the lock under which sessions are made, listed and removed; wait for it if need be.

    Without it another process could remove a new session before that has locked its folder.
    """
    sessions = _sessions(settings.state.absolute())
    sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(sessions / "gate", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _sessions(state: Path) -> Path:
    return state / "local"
