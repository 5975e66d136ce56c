import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deepchord.shared.command_line import new_console, open_output, print_table
from deepchord.shared.command_line.output import OutputStream
from deepchord.shared.errors import OutputClosedError, OutputError

#: All that deepchord prints beyond ASCII, somebody's name, and what a terminal would obey.
TEXT = "1 \u00d7 1 … ✓ · 93\u00a0% Müller 日本 \x1b]0;"
ENCODINGS = {
    "ascii": "1 x 1 ~ * - 93 % M\\xfcller \\u65e5\\u672c ?]0;",
    "latin-1": "1 \u00d7 1 ~ * · 93\u00a0% Müller \\u65e5\\u672c ?]0;",
    "cp1252": "1 \u00d7 1 … * · 93\u00a0% Müller \\u65e5\\u672c ?]0;",
    "utf-8": "1 \u00d7 1 … ✓ · 93\u00a0% Müller 日本 \ufffd]0;",
}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch):
    """Let stdout and stderr be of an encoding; return the bytes that arrive."""

    def open_with(encoding: str) -> tuple[io.BytesIO, io.BytesIO]:
        files = []
        for name in ("stdout", "stderr"):
            file = io.BytesIO()
            stream = io.TextIOWrapper(file, encoding=encoding, write_through=True)
            monkeypatch.setattr(sys, name, stream)
            monkeypatch.setattr(sys, f"__{name}__", stream)
            files.append(file)
        open_output()
        return files[0], files[1]

    return open_with


def _log(text: str) -> None:
    logger = logging.Logger("deepchord.test")
    logger.addHandler(logging.StreamHandler(sys.stdout))
    logger.warning("%s", text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("say", [typer.echo, print, _log, lambda text: new_console().print(text, soft_wrap=True)])
def test_whatever_prints_prints_any_text_in_any_encoding(opened, encoding, say):
    out, _ = opened(encoding)

    say(TEXT)

    assert out.getvalue().decode(encoding) == f"{ENCODINGS[encoding]}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_boxes_and_tables_are_even_in_any_encoding(opened, encoding, width, monkeypatch):
    out, _ = opened(encoding)
    monkeypatch.setenv("COLUMNS", str(width))

    new_console().print(Panel(Text("a long name that is cut \x1b[2J" * 5, overflow="ellipsis", no_wrap=True)))

    lines = out.getvalue().decode(encoding).splitlines()
    assert {len(line) for line in lines} == {width}
    assert "\x1b" not in "".join(lines)


def test_whoever_chose_how_an_encoding_is_handled_has_it(monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="ascii", errors="xmlcharrefreplace"))
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(sys, "stderr", OutputStream(io.StringIO(), is_error=True))

    open_output()
    sys.stdout.write("✓\n")
    sys.stdout.flush()

    assert file.getvalue() == b"&#10003;\n"


def test_the_streams_are_opened_once(opened):
    opened("utf-8")
    first = sys.stdout

    open_output()

    assert sys.stdout is first


def test_colours_are_let_through_where_rich_makes_them(opened, monkeypatch):
    out, _ = opened("utf-8")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    new_console().print(Text("an \x1b[2J escape", style="red"))

    assert out.getvalue().decode() == "\x1b[31man \ufffd[2J escape\x1b[0m\n"


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("name")
    table.add_column("path")
    table.add_row("a name " * 20, "a/path/" * 30)
    return table


def test_nothing_is_cut_off_or_wrapped_where_no_terminal_reads(opened, monkeypatch):
    out, _ = opened("utf-8")
    monkeypatch.setenv("COLUMNS", "40")

    print_table(_table())

    assert [line.split() for line in out.getvalue().decode().splitlines()] == [
        ["name", "path"],
        [*("a name " * 20).split(), "a/path/" * 30],
    ]


# What cannot be written


def _broken(error: type[OSError], number: int) -> Any:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise error(number, os.strerror(number))

    return Broken()


def test_a_pipe_that_nobody_reads_is_no_error_to_be_told_of():
    stream = OutputStream(_broken(BrokenPipeError, 32), is_error=False)

    for _ in range(2):  # also if whoever wrote first has passed over it, as click does when it looks at a stream
        with pytest.raises(OutputClosedError) as raised:
            stream.write("text")
        assert (str(raised.value), raised.value.exit_code) == ("", 141)
    stream.flush()


def test_a_disk_that_is_full_is_told_of():
    stream = OutputStream(_broken(OSError, 28), is_error=False)

    with pytest.raises(OutputError, match=r"^The output cannot be written: No space left on device\.$") as raised:
        stream.write("text")
    assert raised.value.exit_code == 2


def test_errors_that_nobody_can_be_told_of_are_no_reason_to_stop():
    stream = OutputStream(_broken(BrokenPipeError, 32), is_error=True)

    assert stream.write("text") == 4
    assert stream.write("text") == 4
    stream.flush()


PROGRAM = """
import os
import sys
from deepchord.shared.command_line import run_commands

def command():
    with open(os.devnull) as file:
        assert file.fileno() > 2, "a file has the number of a closed stream"
    for number in range(int(sys.argv[1])):
        print("line", number)
    print("and an error", file=sys.stderr)

run_commands(command)
"""


FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("redirection", "lines", "code", "said"),
    [
        ("", 3, 0, "and an error\n"),
        ("| head -1", 100_000, 141, ""),
        ("| true", 100_000, 141, ""),
        (">&-", 3, 0, "and an error\n"),
        ("2>&-", 3, 0, ""),
        (">&- 2>&-", 3, 0, ""),
        (f">{FULL}", 100_000, 2, "error: The output cannot be written: No space left on device.\n"),
        (f"2>{FULL}", 3, 0, ""),
    ],
)
def test_a_command_ends_well_wherever_its_output_goes(redirection, lines, code, said):
    if str(FULL) in redirection and not FULL.exists():
        pytest.skip("there is no device that is always full")
    ended = subprocess.run(
        ["bash", "-c", f'"$0" -P -c "$1" {lines} {redirection}; exit ${{PIPESTATUS[0]}}', sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (code, said)
