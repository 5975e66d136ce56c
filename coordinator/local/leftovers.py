"""Lists the live sessions on this machine, and stops what the sessions of killed coordinators left running."""

import contextlib
import logging
import sys
from collections.abc import Iterable

import psutil

from deepchord.coordinator.local.processes import ProcessIdentity, wait_until_gone, with_children
from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord, session_folders, sessions_lock
from deepchord.shared.settings import SESSION_VARIABLE, Settings

logger = logging.getLogger(__name__)

#: How often processes of a dead session are looked for at most.
_MAX_ROUNDS = 5


def live_sessions(settings: Settings) -> list[SessionRecord]:
    """Return the sessions of this host that are alive and have a broker, the oldest first."""
    if sys.platform == "win32":
        return []
    try:
        if not session_folders(settings):
            return []
        with sessions_lock(settings):
            records = [folder.read() for folder in session_folders(settings) if not _lock_if_dead(folder, keep=False)]
    except OSError as error:  # another user's folder; listing sessions is not worth an error
        logger.info("Sessions on this machine are not known: %s.", error.strerror)
        return []
    return [record for record in records if record is not None and record.broker is not None and _is_here(record)]


def session_of(settings: Settings, run_id: str) -> SessionRecord | None:
    """Return the live session of this host that was started for a run; None if there is none."""
    return next((record for record in live_sessions(settings) if record.run_id == run_id), None)


def stop_leftovers(settings: Settings) -> None:
    """Stop the processes of sessions whose coordinator was killed, and remove their folders."""
    if sys.platform == "win32" or not session_folders(settings):
        return
    with sessions_lock(settings):
        remove_dead_sessions(settings)


def remove_dead_sessions(settings: Settings) -> None:
    """Do what `stop_leftovers` does; the caller holds `sessions_lock`."""
    for folder in session_folders(settings):
        if _lock_if_dead(folder):
            _stop_session(folder)
            folder.unlock()


def _lock_if_dead(folder: SessionFolder, *, keep: bool = True) -> bool:
    """Return whether a session's coordinator is dead; if so, and with `keep`, the session's lock is held afterwards."""
    try:
        is_dead = folder.try_lock()
    except OSError as error:
        logger.info("Session folder %s was left alone: %s.", folder.path, error.strerror)
        return False
    if not keep:
        folder.unlock()
    return is_dead


def _stop_session(folder: SessionFolder) -> None:
    record = folder.read()
    stopped = _kill_all(folder, record)
    if record is None or _is_here(record) or stopped:
        logger.warning(
            "Stopped %d processes of session %s, whose coordinator was killed; its logs are in %s.",
            stopped,
            folder.name,
            folder.logs,
            extra={"session": folder.name},
        )
        folder.remove()
    else:
        logger.info("Session folder %s was left to host %s.", folder.path, record.host)


def _kill_all(folder: SessionFolder, record: SessionRecord | None) -> int:
    """Kill all processes of a session, and return how many there were."""
    stopped = 0
    for _ in range(_MAX_ROUNDS):  # a process may start another one before it is killed
        processes = _find_processes(folder.name, record.processes if record else ())
        if not processes:
            break
        stopped += len(processes)
        _kill(processes)
    return stopped


def _is_here(record: SessionRecord) -> bool:
    return record.host == SessionRecord().host


def _find_processes(session: str, recorded: Iterable[ProcessIdentity]) -> list[psutil.Process]:
    """Return the processes of a session that still run, with all their children.

    A process is recognised by its number and start time, or by the session's variable in its environment. The variable
    finds processes that were started and not yet recorded, and children whose parent has ended.
    """
    identities = {identity.pid: identity for identity in recorded}
    pids = [p.pid for p in psutil.process_iter() if _belongs(p, session, identities.get(p.pid))]
    return with_children(pids)


def _belongs(process: psutil.Process, session: str, recorded: ProcessIdentity | None) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if recorded is not None and recorded.is_of(process):
            return True
        return bool(process.environ().get(SESSION_VARIABLE) == session)
    except (psutil.Error, OSError):
        return False


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = list(processes)
    for process in killed:
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_until_gone(killed)
