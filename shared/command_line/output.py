"""Standard streams that any text can be written to: no encoding, closed pipe or control character breaks a command."""

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast

from deepchord.shared.command_line.printable import NEAREST, printable
from deepchord.shared.errors import OutputClosedError, OutputError

#: Python's default error handlers; another one was chosen by the user (`PYTHONIOENCODING=ascii:replace`) and stays.
_DEFAULT_ERROR_HANDLERS = ("strict", "surrogateescape", "backslashreplace")


class OutputStream:
    """A standard stream that any text can be written to.

    A write to stdout that fails raises `OutputError`. Errors of stderr are ignored, because they cannot be reported.
    """

    def __init__(self, stream: TextIO, *, is_error: bool, raw: "OutputStream | None" = None) -> None:
        """Take the stream.

        Args:
            stream: The stream to write to.
            is_error: Whether it is stderr.
            raw: The same stream for rich, which writes colours, moves the cursor, and makes foreign text printable
                itself. If it is given, this stream lets no control character through.
        """
        self._stream = stream
        self._is_error = is_error
        self._is_plain = raw is not None
        self._failure: OutputError | None = None
        if raw is not None:
            #: rich writes to this stream instead.
            self.rich_proxied_file = raw

    @property
    def encoding(self) -> str:
        """The encoding. ASCII is reported as Latin-1, because click replaces ASCII by UTF-8."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return "latin-1" if self._is_plain and codecs.lookup(encoding).name == "ascii" else encoding

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        if self._failure is not None and not self._is_error:  # code that only tests the stream ignores the error
            raise self._failure
        self._attempt(lambda: self._stream.write(printable(text) if self._is_plain else text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream."""
        self._attempt(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, operation: Callable[[], object]) -> None:
        if self._failure is not None:
            return
        try:
            operation()
        except OSError as error:
            self._give_up()
            self._failure = _failure_of(error)
            if not self._is_error:
                raise self._failure from error

    def _give_up(self) -> None:
        """Discard the rest of the buffer: otherwise Python fails to flush it at the end of the process."""
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def _failure_of(error: OSError) -> OutputError:
    if error.errno in (errno.EPIPE, errno.ESHUTDOWN):
        return OutputClosedError()
    return OutputError(f"The output cannot be written: {error.strerror or error}.")


def open_output() -> None:
    """Replace stdout and stderr of this process by `OutputStream`s; call this once, before anything is written."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before the start; no other file may get its number
            stream = _nowhere(number)
        if isinstance(stream, OutputStream):
            continue
        if getattr(stream, "errors", None) in _DEFAULT_ERROR_HANDLERS and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=NEAREST)
        is_error = name == "stderr"
        raw = OutputStream(stream, is_error=is_error)
        setattr(sys, name, OutputStream(stream, is_error=is_error, raw=raw))
        # Celery writes its coloured log to this stream.
        setattr(sys, f"__{name}__", raw)


def _nowhere(number: int) -> TextIO:
    """Return a stream to the null device for a standard stream that was closed."""
    try:
        os.fstat(number)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return cast(TextIO, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123  stays open until the process ends
