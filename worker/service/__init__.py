"""One worker as a service: its startup, its heartbeat, its pool of processes, and its shutdown."""

from deepchord.worker.service.heartbeat import Heartbeat
from deepchord.worker.service.pool import POOL, check_semaphores, given_up
from deepchord.worker.service.shutdown import busy, hand_members_over
from deepchord.worker.service.startup import prepare
from deepchord.worker.service.supervisor import run_each

__all__ = ["POOL", "Heartbeat", "busy", "check_semaphores", "given_up", "hand_members_over", "prepare", "run_each"]
