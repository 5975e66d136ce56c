"""When Ctrl-C, SIGTERM and a hangup take effect: all of them interrupt, none in the middle of starting or stopping."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interruption:
    """Whether an interrupt has arrived while it was put off."""

    def __init__(self) -> None:
        self.arrived = False

    def note(self, _number: int, _frame: FrameType | None) -> None:
        """Remember an interrupt; the signal handler while interrupts are put off."""
        self.arrived = True


@contextmanager
def terminations_interrupting() -> Iterator[None]:
    """Let SIGTERM and a hangup raise KeyboardInterrupt as Ctrl-C does, where they would end the process at once."""
    fatal = [number for number in _terminations() if signal.getsignal(number) is signal.SIG_DFL]
    with _handled(fatal, _interrupt):
        yield


@contextmanager
def interrupts_put_off() -> Iterator[Interruption]:
    """Let Ctrl-C, SIGTERM and a hangup wait until the block is done.

    Nothing is ignored meanwhile, so that a child process started in the block has the usual handlers.

    Raises:
        KeyboardInterrupt: At the end of the block, when one of them has arrived.
    """
    interruption = Interruption()
    heeded = [number for number in (signal.SIGINT, *_terminations()) if callable(signal.getsignal(number))]
    with _handled(heeded, interruption.note):
        yield interruption
    if interruption.arrived:
        raise KeyboardInterrupt


def _terminations() -> list[signal.Signals]:
    return [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]


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
