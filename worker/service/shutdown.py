"""How a worker stops: members under way are handed over, nothing is lost."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from celery.worker.control import control_command

from deepchord.shared.queue import DRAIN
from deepchord.worker.resources import Resources


def let_members_go(worker: Any, grace_s: float) -> None:
    """Tell the processes of a worker that is about to stop to hand their members over; kill those that do not.

    Args:
        worker: Celery's worker, in a warm shutdown: it waits for its processes, however long that takes.
        grace_s: How long they may take.
    """
    processes = list(worker.pool._pool._pool)

    def tell(number: int) -> None:
        for process in processes:
            with contextlib.suppress(OSError, ValueError):
                if process.is_alive():
                    os.kill(process.pid, number)

    tell(signal.SIGUSR2)
    timer = threading.Timer(grace_s, tell, (signal.SIGKILL,))
    timer.daemon = True
    timer.start()


def leave_when_told(resources: Resources) -> None:
    """Let this process of a worker's pool end its member at the next batch when it is told to stop.

    A service manager may send SIGTERM to all processes of a worker at once; the second one counts as it is meant. To be
    called with each member and evaluation, in the main thread: the pool sets a handler of its own after it has started
    the process.
    """
    if resources.terminated:  # it alone was told to stop, and gave its member back; the pool starts another process
        raise SystemExit(0)

    def leave(number: int, _: FrameType | None) -> None:
        if number == signal.SIGTERM and (resources.terminated or not resources.is_busy):
            raise SystemExit(0)
        resources.terminated = resources.terminated or number == signal.SIGTERM
        resources.leaving.set()

    for number in (signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, leave)


@contextlib.contextmanager
def busy(resources: Resources, *, in_pool: bool) -> Iterator[None]:
    """Let this process stop at the next step when it is told to, for as long as it is at a member or an evaluation.

    Args:
        resources: What this process holds.
        in_pool: Whether it is a process of a worker's pool, which signals tell to stop.
    """
    if in_pool:
        leave_when_told(resources)
    resources.is_busy = True
    try:
        yield
    finally:
        resources.is_busy = False


@control_command(name=DRAIN)  # type: ignore[untyped-decorator]  # Celery has no types
def drain(_: Any) -> dict[str, str]:
    """Stop this worker as SIGTERM does: it hands its member over."""
    os.kill(os.getpid(), signal.SIGTERM)
    return {"ok": "the worker hands its member over and stops"}
