"""Whether workers may use this machine now: nobody uses it, it is the hour, and they keep within their memory.

`decision` decides, with pure functions; the other modules read what it has to know.
"""

from deepchord.worker.availability.availability import Availability
from deepchord.worker.availability.decision import Decision, End, Observation, Terms, Wait, Work, decide
from deepchord.worker.availability.identity import waiting_worker_id
from deepchord.worker.availability.memory_limit import MemoryLimit
from deepchord.worker.availability.observer import Observer

__all__ = [
    "Availability",
    "Decision",
    "End",
    "MemoryLimit",
    "Observation",
    "Observer",
    "Terms",
    "Wait",
    "Work",
    "decide",
    "waiting_worker_id",
]
