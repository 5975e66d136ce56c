"""Guards the work for one message: a renewed lease keeps others from it, and a watchdog ends it if it stalls."""

from deepchord.worker.execution.guarding.guard import Guard, guarded

__all__ = ["Guard", "guarded"]
