"""Runs a broker and workers on this machine while one command runs, and stops them whatever happens.

Also finds the brokers of other commands here, and stops what commands that were killed left running.
"""

from deepchord.coordinator.local.leftovers import live_sessions, session_of, stop_leftovers
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
    "stop_leftovers",
]
