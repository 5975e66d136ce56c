"""When Ctrl-C and what else ends a command take effect: all interrupt, none in the middle of starting or stopping."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from deepchord.shared.errors import TERMINATIONS


class DeferredInterrupt:
    """Whether an interrupt has arrived while it was put off."""

    def __init__(self) -> None:
        self.arrived = False

    def note(self, _number: int, _frame: FrameType | None) -> None:
        """Remember an interrupt; the signal handler while interrupts are put off."""
        self.arrived = True


@contextmanager
def terminations_as_interrupts() -> Iterator[None]:
    """Let what would end the process at once raise KeyboardInterrupt, as Ctrl-C does; see `TERMINATIONS`."""
    fatal = [number for number in TERMINATIONS if signal.getsignal(number) is signal.SIG_DFL]
    with _handled(fatal, _interrupt):
        yield


@contextmanager
def interrupts_deferred() -> Iterator[DeferredInterrupt]:
    """Let Ctrl-C and the other terminations wait until the block is done.

    Nothing is ignored meanwhile, so that a child process started in the block has the usual handlers.

    Raises:
        KeyboardInterrupt: At the end of the block, when one of them has arrived.
    """
    interruption = DeferredInterrupt()
    heeded = [number for number in (signal.SIGINT, *TERMINATIONS) if callable(signal.getsignal(number))]
    with _handled(heeded, interruption.note):
        yield interruption
    if interruption.arrived:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handled(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread set handlers, and only there do signals interrupt
        return
    before: dict[signal.Signals, Any] = {}
    try:
        for number in numbers:
            before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
