"""A broker and workers on this machine for as long as one command runs, and what is left of commands that died."""

from deepchord.coordinator.local.interrupts import terminations_as_interrupts
from deepchord.coordinator.local.leftovers import live_sessions, session_of
from deepchord.coordinator.local.lifespan import WORKER_COMMAND, LocalSession, local_session
from deepchord.coordinator.local.processes import becomes_true
from deepchord.coordinator.local.worker_count import choose_workers

__all__ = [
    "WORKER_COMMAND",
    "LocalSession",
    "becomes_true",
    "choose_workers",
    "live_sessions",
    "local_session",
    "session_of",
    "terminations_as_interrupts",
]
