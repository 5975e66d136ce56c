import io
import re
import threading
from pathlib import Path

import pytest

from deepchord.coordinator.runs.long_steps import counted_step, long_step
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.storage.folder import FolderStore

LARGE = 80 * 2**20
needs_counters = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system counts no bytes")


class Terminal(io.StringIO):
    """A terminal that tells when a text arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = ""
        self.arrived = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.awaited and self.awaited in self.getvalue():
            self.arrived.set()
        return written

    def wait_for(self, text: str) -> None:
        self.awaited = text
        self.write("")
        assert self.arrived.wait(60), self.getvalue()


def console_on(file: io.StringIO, width: int = 60) -> PrintableConsole:
    return PrintableConsole(file=file, width=width, color_system=None, _environ={"TERM": "xterm"})


@needs_counters
def test_a_bar_shows_how_much_of_a_file_was_read(tmp_path):
    (tmp_path / "file").write_bytes(bytes(LARGE))
    terminal = Terminal()

    with long_step("Reading file", LARGE, "read", console_on(terminal)):
        (tmp_path / "file").read_bytes()
        terminal.wait_for("83.9/83.9 MB")

    assert terminal.getvalue().endswith("\x1b[2K")  # the bar is gone


@needs_counters
def test_a_bar_shows_how_much_was_written_into_storage(tmp_path):
    terminal = Terminal()

    with long_step("Publishing data", LARGE, "write", console_on(terminal)):
        FolderStore(tmp_path).create("data", bytes(LARGE))
        terminal.wait_for("83.9/83.9 MB")


def test_a_bar_swings_while_nobody_knows_how_much_there_is():
    terminal = Terminal()

    with long_step("Reading fashion", None, "read", console_on(terminal)):
        terminal.wait_for("Reading fashion")

    assert not re.search(r"\d/\d", terminal.getvalue())


@pytest.mark.parametrize(("size", "line"), [(LARGE, "Reading data.npz (80 MiB)\n"), (1000, ""), (None, "")])
def test_without_a_terminal_there_is_a_line_for_what_is_large(size, line):
    file = io.StringIO()

    with long_step("Reading data.npz", size, "read", console_on(file)):
        pass

    assert file.getvalue() == line


def test_what_takes_a_while_is_told_on_stderr_and_steers_no_terminal(capsys):
    with long_step("Reading \x1b[2J", LARGE, "read"):
        pass

    assert capsys.readouterr() == ("", "Reading \ufffd[2J (80 MiB)\n")


def test_an_error_ends_the_bar():
    terminal = Terminal()

    with (
        pytest.raises(OSError, match="no more"),
        long_step("Reading", LARGE, "read", console_on(terminal)),
    ):
        raise OSError("no more")

    assert not [thread for thread in threading.enumerate() if thread.name == "long-step"]


def test_of_many_images_a_line_says_so_and_a_terminal_shows_how_far_it_is():
    for total, said in ((10, ""), (3_000, "Reading photos (3,000 images)\n")):
        file = io.StringIO()
        with counted_step("Reading photos", PrintableConsole(file=file)) as progress:
            for done in range(1, 4):
                progress(done, total)
        assert file.getvalue() == said

    terminal = Terminal()
    with counted_step("Reading photos", PrintableConsole(file=terminal, force_terminal=True, width=80)) as progress:
        progress(3, 10)
    assert "3/10" in terminal.getvalue()
