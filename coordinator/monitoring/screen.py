"""Draws a view over the one before on a terminal; copes with a change of its window and a suspended command."""

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Self

from rich.console import RenderableType
from rich.control import Control
from rich.screen import Screen

from deepchord.shared.command_line import PrintableConsole

#: Returns what is shown on a screen of so many columns and lines.
Render = Callable[[int, int], RenderableType]


def is_in_front(console: PrintableConsole) -> bool:
    """Return whether this command is in the foreground of the terminal."""
    try:
        return os.tcgetpgrp(console.file.fileno()) == os.getpgrp()
    except (OSError, AttributeError):  # not a terminal of this session, or a system without process groups
        return True


class LiveScreen:
    """A terminal's alternate screen, for the length of a block.

    On the normal screen the last frame cannot be removed when a narrower window has broken its lines. The alternate
    screen is redrawn as a whole, also when the window changes and when the command returns to the foreground. While the
    command is suspended or in the background, the terminal is left to others. Lines on stderr are kept for the end.
    """

    def __init__(self, console: PrintableConsole) -> None:
        self._console = console
        self._render: Render | None = None
        self._size = (0, 0)
        self._is_open = False
        #: Whether the screen is being drawn; a signal may arrive meanwhile.
        self._is_busy = False
        self._must_draw = self._must_stop = False
        self._kept = io.StringIO()
        self._block = contextlib.ExitStack()

    @property
    def stderr_lines(self) -> list[str]:
        """The lines that were written to stderr in the block, if stderr is a terminal."""
        return self._kept.getvalue().splitlines()

    def __enter__(self) -> Self:
        self._block.enter_context(_handling("SIGTSTP", self._stop))
        self._block.enter_context(_handling("SIGCONT", self._draw_again))
        self._block.enter_context(_handling("SIGWINCH", self._draw_again))
        if sys.stderr.isatty():  # else it does not disturb the screen
            self._block.enter_context(contextlib.redirect_stderr(self._kept))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._render = None
        self._block.close()
        self._leave()

    def draw(self, render: Render) -> None:
        """Show this from now on."""
        self._render = render
        self._draw()

    def _draw(self) -> None:
        self._must_draw = True
        if self._is_busy:  # the call that is drawing draws once more
            return
        self._is_busy = True
        try:
            while self._must_draw or self._must_stop:
                self._must_draw = False
                if self._must_stop:
                    self._leave_and_stop()
                self._paint()
        finally:
            self._is_busy = False

    def _paint(self) -> None:
        if self._render is None or not is_in_front(self._console):
            return
        if not self._is_open:
            self._is_open = self._console.set_alt_screen(True)
            self._console.show_cursor(False)
            self._size = (0, 0)
        size = self._console.size
        before = [Control.home()] if size == self._size else [Control.clear(), Control.home()]
        self._size = size
        self._console.print(*before, Screen(self._render(*size)), end="")

    def _leave(self) -> None:
        if self._is_open:
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)
        self._is_open = False

    def _leave_and_stop(self) -> None:
        self._must_stop = False
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._must_stop = True
        self._draw()

    def _draw_again(self, _number: int, _frame: FrameType | None) -> None:
        self._draw()


@contextlib.contextmanager
def _handling(name: str, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle a signal for the length of a block, if this system has it and this is the main thread."""
    number = signal.Signals.__members__.get(name)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
