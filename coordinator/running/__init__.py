"""Brings runs to their end: the broker that a run is trained with, members that it adds by itself, and a background.

The command line follows a run in the foreground; Python programs have it followed by a thread.
"""

from deepchord.coordinator.running.automatic_members import at_its_largest, extend_by_itself
from deepchord.coordinator.running.background import BackgroundRun
from deepchord.coordinator.running.broker_session import BrokerSession, open_broker, submits
from deepchord.coordinator.running.kept_sessions import close_kept_sessions
from deepchord.coordinator.running.observers import Observers, observing, showing_reconciled_runs

__all__ = [
    "BackgroundRun",
    "BrokerSession",
    "Observers",
    "at_its_largest",
    "close_kept_sessions",
    "extend_by_itself",
    "observing",
    "open_broker",
    "showing_reconciled_runs",
    "submits",
]
