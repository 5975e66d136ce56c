"""One worker as a service: its start, its heartbeat, its processes and its stop."""

from deepchord.worker.service.heartbeat import Heartbeat
from deepchord.worker.service.pool import POOL, check_semaphores, given_up
from deepchord.worker.service.shutdown import busy, let_members_go
from deepchord.worker.service.startup import prepare
from deepchord.worker.service.supervisor import run_each

__all__ = ["POOL", "Heartbeat", "busy", "check_semaphores", "given_up", "let_members_go", "prepare", "run_each"]
