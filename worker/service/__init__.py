"""One worker as a service: its startup, its heartbeat, its pool of processes, and its shutdown.

Several workers of one command are started and stopped together, also as the machine allows it.
"""

from deepchord.worker.service.ending import Ending
from deepchord.worker.service.heartbeat import Heartbeat
from deepchord.worker.service.on_terms import has_terms, run_on_terms, without_terms
from deepchord.worker.service.pool import POOL, check_semaphores, given_up
from deepchord.worker.service.shutdown import busy, hand_members_over
from deepchord.worker.service.startup import prepare
from deepchord.worker.service.supervisor import run_each

__all__ = [
    "POOL",
    "Ending",
    "Heartbeat",
    "busy",
    "check_semaphores",
    "given_up",
    "hand_members_over",
    "has_terms",
    "prepare",
    "run_each",
    "run_on_terms",
    "without_terms",
]
