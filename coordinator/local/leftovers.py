"""The sessions on this machine: brokers of those that are alive, and an end to what dead coordinators left running."""

import contextlib
import logging
import sys
from collections.abc import Iterable

import psutil

from deepchord.coordinator.local.processes import ProcessIdentity, wait_until_gone, with_children
from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord, session_folders, sessions_lock
from deepchord.shared.settings import SESSION_VARIABLE, Settings

logger = logging.getLogger(__name__)

_ROUNDS = 5


def live_sessions(settings: Settings) -> list[SessionRecord]:
    """Return all sessions of this host that are alive and whose broker answers, the oldest first."""
    if sys.platform == "win32":
        return []
    try:
        if not session_folders(settings):
            return []
        with sessions_lock(settings):
            records = [folder.read() for folder in session_folders(settings) if not _take_over(folder, keep=False)]
    except OSError as error:  # the folder is not ours to write; whoever only looks does without
        logger.info("Sessions on this machine are not known: %s.", error.strerror)
        return []
    return [record for record in records if record is not None and record.broker is not None and _is_here(record)]


def session_of(settings: Settings, run_id: str) -> SessionRecord | None:
    """Return the live session of this host that a run has for itself; None if there is none."""
    return next((record for record in live_sessions(settings) if record.run_id == run_id), None)


def stop_leftovers(settings: Settings) -> None:
    """Stop what coordinators that were killed left running, and remove their folders; live sessions are left alone."""
    if sys.platform == "win32" or not session_folders(settings):
        return
    with sessions_lock(settings):
        remove_dead_sessions(settings)


def remove_dead_sessions(settings: Settings) -> None:
    """Do what `stop_leftovers` does; the caller holds the gate."""
    for folder in session_folders(settings):
        if _take_over(folder):
            _stop(folder)
            folder.unlock()


def _take_over(folder: SessionFolder, *, keep: bool = True) -> bool:
    """Return whether the session is dead; its lock is held then if it is to be kept."""
    try:
        dead = folder.try_lock()
    except OSError as error:
        logger.info("Session folder %s was left alone: %s.", folder.path, error.strerror)
        return False
    if not keep:
        folder.unlock()
    return dead


def _stop(folder: SessionFolder) -> None:
    record = folder.read()
    stopped = 0
    for _ in range(_ROUNDS):  # what was killed may have started something between the look and the kill
        found = _find_processes(folder.name, record.processes if record else ())
        if not found:
            break
        stopped += len(found)
        _kill(found)
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


def _is_here(record: SessionRecord) -> bool:
    return record.host == SessionRecord().host


def _find_processes(session: str, recorded: Iterable[ProcessIdentity]) -> list[psutil.Process]:
    """Return what still runs of a session, and all that it started.

    A process is known by its number and start time, or by the variable in its environment: that finds what was
    started and not yet recorded, and children whose parent is gone.
    """
    identities = {identity.pid: identity for identity in recorded}
    found = [p.pid for p in psutil.process_iter() if _belongs(p, session, identities.get(p.pid))]
    return with_children(found)


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
    doomed = list(processes)
    for process in doomed:
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_until_gone(doomed)
