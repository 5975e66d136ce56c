"""The one way out for what people read: no encoding, closed pipe or foreign text breaks a command or a terminal."""

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast

from deepchord.shared.command_line.printable import NEAREST, printable
from deepchord.shared.errors import OutputClosedError, OutputError

#: How Python itself handles what an encoding lacks; who chose another way (`PYTHONIOENCODING=ascii:replace`) has that.
_PYTHONS_CHOICES = ("strict", "surrogateescape", "backslashreplace")


class OutputStream:
    """A standard stream that any text can be written to.

    What cannot be written to stdout raises `OutputError`; stderr is given up in silence, for nobody is left to be told.
    """

    def __init__(self, stream: TextIO, *, is_error: bool, raw: "OutputStream | None" = None) -> None:
        """Take the stream.

        Args:
            stream: Where it is written to.
            is_error: Whether it is stderr.
            raw: The same stream for what writes colours and moves the cursor, as rich does, and takes care of foreign
                text itself; with it, this one lets no control character through.
        """
        self._stream = stream
        self._is_error = is_error
        self._is_plain = raw is not None
        self._failure: OutputError | None = None
        if raw is not None:
            #: Rich writes there instead.
            self.rich_proxied_file = raw

    @property
    def encoding(self) -> str:
        """The encoding; not ASCII, which click takes for a mistake, and writes UTF-8."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return "latin-1" if self._is_plain and codecs.lookup(encoding).name == "ascii" else encoding

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        if self._failure is not None and not self._is_error:  # whoever tries out what a stream takes passes over it
            raise self._failure
        self._attempt(lambda: self._stream.write(printable(text) if self._is_plain else text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
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
        """Let what is left in the buffer go nowhere, as it would make an error of the end of the process."""
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def _failure_of(error: OSError) -> OutputError:
    if error.errno in (errno.EPIPE, errno.ESHUTDOWN):
        return OutputClosedError()
    return OutputError(f"The output cannot be written: {error.strerror or error}.")


def open_output() -> None:
    """Make stdout and stderr of this process such streams; to be called once, before anything is written."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us; nothing else may get its number
            stream = _nowhere(number)
        if isinstance(stream, OutputStream):
            continue
        if getattr(stream, "errors", None) in _PYTHONS_CHOICES and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=NEAREST)
        is_error = name == "stderr"
        raw = OutputStream(stream, is_error=is_error)
        setattr(sys, name, OutputStream(stream, is_error=is_error, raw=raw))
        # Celery writes its coloured log there.
        setattr(sys, f"__{name}__", raw)


def _nowhere(number: int) -> TextIO:
    """Return a stream for a standard file that was closed."""
    try:
        os.fstat(number)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return cast(TextIO, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123  as long as the process
