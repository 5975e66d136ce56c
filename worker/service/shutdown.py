"""How a worker stops: it hands its members over to other workers, and nothing is lost."""

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


def hand_members_over(worker: Any, grace_s: float) -> None:
    """Tell the processes of a stopping worker to hand their members over; kill those that do not do it in time.

    Args:
        worker: Celery's worker, in a warm shutdown: it waits for its processes without a limit.
        grace_s: How many seconds they may take.
    """
    processes = list(worker.pool._pool._pool)

    def send(number: int) -> None:
        for process in processes:
            with contextlib.suppress(OSError, ValueError):
                if process.is_alive():
                    os.kill(process.pid, number)

    send(signal.SIGUSR2)
    timer = threading.Timer(grace_s, send, (signal.SIGKILL,))
    timer.daemon = True
    timer.start()


def handle_stop_signals(resources: Resources) -> None:
    """Let a stop signal end the work of this pool process at the next batch.

    A service manager may send SIGTERM to all processes of a worker at once; a second SIGTERM ends the process. This
    must be called for each member and evaluation, in the main thread: the pool sets its own handlers when a process
    starts.
    """
    if resources.terminated:  # this process alone was told to stop; the pool replaces it
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
    """Mark this process as busy in the block, so that a stop signal ends the work at its next step.

    Args:
        resources: The resources of this process.
        in_pool: Whether it is a process of a worker's pool; only such a process gets stop signals.
    """
    if in_pool:
        handle_stop_signals(resources)
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
