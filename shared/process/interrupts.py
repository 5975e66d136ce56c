"""Makes SIGTERM and the like act as Ctrl-C does, and defers all of them while processes are started or stopped."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from deepchord.shared.errors import TERMINATION_SIGNALS


class DeferredInterrupt:
    """Whether an interrupt has arrived while interrupts are deferred."""

    def __init__(self) -> None:
        self.arrived = False

    def record(self, _number: int, _frame: FrameType | None) -> None:
        """Record an interrupt; this is the signal handler while interrupts are deferred."""
        self.arrived = True


@contextmanager
def terminations_as_interrupts() -> Iterator[None]:
    """Have the signals in `TERMINATION_SIGNALS` raise KeyboardInterrupt, as Ctrl-C does, for the length of a block."""
    fatal = [number for number in TERMINATION_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    with _handled(fatal, _interrupt):
        yield


@contextmanager
def interrupts_deferred() -> Iterator[DeferredInterrupt]:
    """Have Ctrl-C and the signals in `TERMINATION_SIGNALS` take effect only at the end of a block.

    The signals are not ignored: a child process would inherit that.

    Raises:
        KeyboardInterrupt: At the end of the block, if a signal has arrived in it.
    """
    interrupt = DeferredInterrupt()
    handled = [number for number in (signal.SIGINT, *TERMINATION_SIGNALS) if callable(signal.getsignal(number))]
    with _handled(handled, interrupt.record):
        yield interrupt
    if interrupt.arrived:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handled(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only there signals arrive
        return
    before: dict[signal.Signals, Any] = {}
    try:
        for number in numbers:
            before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
