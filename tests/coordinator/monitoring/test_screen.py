import fcntl
import os
import pty
import signal
import struct
import sys
import termios

import pytest
from rich.text import Text

from deepchord.coordinator.monitoring import RunView, show
from deepchord.coordinator.monitoring import screen as live_screen
from deepchord.coordinator.monitoring.screen import LiveScreen
from deepchord.shared.command_line import PrintableConsole
from tests.coordinator.monitoring.test_live_view import run_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such terminals on Windows")

OPENED, LEFT = "\x1b[?1049h", "\x1b[?1049l"


class Window:
    """A terminal that is not this process's own, whose size is changed and whose text is read."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self._file = os.fdopen(slave, "w", encoding="utf-8")
        self.resize(60, 10)
        self.console = PrintableConsole(file=self._file, color_system=None, _environ={"TERM": "xterm"})

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._file.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def text(self) -> str:
        """Return what was written since this was last asked."""
        self._file.write("\0")
        self._file.flush()
        found = b""
        while not found.endswith(b"\0"):
            found += os.read(self._master, 65536)
        return found[:-1].decode()

    def close(self) -> None:
        self._file.close()
        os.close(self._master)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch):
    window, size_of = Window(), os.get_terminal_size
    # Rich asks for the size of this process's own terminal.
    monkeypatch.setattr(os, "get_terminal_size", lambda _: size_of(window.console.file.fileno()))
    yield window
    window.close()


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Let this process not stop, but note that it would have."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(live_screen.os, "kill", lambda *what: found.append(what))
    return found


def size_shown(width: int, height: int) -> Text:
    return Text(f"{width}x{height}")


def test_a_window_that_changes_is_drawn_anew_at_once_and_whole(window):
    with LiveScreen(window.console) as screen:
        screen.draw(size_shown)
        assert "60x10" in window.text()

        window.resize(40, 6)
        signal.raise_signal(signal.SIGWINCH)

        drawn = window.text()
        assert drawn.startswith("\x1b[2J\x1b[H40x6")
        assert len(drawn.split("\n")) == 6
    assert LEFT in window.text()


def test_a_view_is_drawn_over_the_one_before(window):
    with LiveScreen(window.console) as screen:
        screen.draw(size_shown)
        assert window.text().count(OPENED) == 1
        screen.draw(lambda _width, _height: Text("another"))

        drawn = window.text()

    assert drawn.startswith("\x1b[Hanother ")
    assert OPENED not in drawn


def test_a_command_that_is_stopped_leaves_the_terminal_and_is_drawn_anew_when_it_goes_on(window, stops):
    with LiveScreen(window.console) as screen:
        screen.draw(size_shown)
        window.text()

        signal.raise_signal(signal.SIGTSTP)
        while_stopped, _, after = window.text().partition(LEFT)

        assert stops == [(os.getpid(), signal.SIGSTOP)]
        assert "60x10" not in while_stopped
        assert OPENED in after  # nobody has stopped this process

        signal.raise_signal(signal.SIGCONT)
        assert "60x10" in window.text()


def test_the_terminal_of_another_is_left_alone_until_it_is_given_back(window, monkeypatch):
    monkeypatch.setattr(live_screen.os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    with LiveScreen(window.console) as screen:
        screen.draw(size_shown)
        assert window.text() == ""

        monkeypatch.setattr(live_screen.os, "tcgetpgrp", lambda _: os.getpgrp())
        signal.raise_signal(signal.SIGCONT)
        assert "60x10" in window.text()

        monkeypatch.setattr(live_screen.os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    assert LEFT in window.text()


def test_what_is_not_in_front_when_its_view_begins_writes_lines(window, monkeypatch):
    monkeypatch.setattr(live_screen.os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    view = RunView(run=run_of(3))

    assert show(iter([view]), window.console) is view

    text = window.text()
    assert f"run {view.run.run_id} is waiting (0 of 3 members trained)" in text
    assert "\x1b" not in text


def test_what_was_in_front_when_its_view_began_keeps_its_screen(window, monkeypatch):
    first, last = RunView(run=run_of(3)), RunView(run=run_of(3))

    def views():
        yield first
        monkeypatch.setattr(live_screen.os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        assert OPENED in window.text()
        yield last
        assert window.text() == ""

    assert show(views(), window.console) is last


def test_a_signal_in_the_midst_of_drawing_is_heeded_after_it(window, stops):
    drawn: list[str] = []

    def interrupted(width: int, height: int) -> Text:
        drawn.append(f"{width}x{height}")
        if len(drawn) == 1:
            window.resize(50, 5)
            signal.raise_signal(signal.SIGWINCH)
            signal.raise_signal(signal.SIGTSTP)
        return Text(drawn[-1])

    with LiveScreen(window.console) as screen:
        screen.draw(interrupted)

        text = window.text()

    assert drawn == ["60x10", "50x5"]
    assert text.index("60x10") < text.index(LEFT) < text.index("50x5")
    assert len(stops) == 1


def test_signals_are_handled_as_before_afterwards(window):
    before = [signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)]

    with LiveScreen(window.console):
        pass

    assert [signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)] == before
