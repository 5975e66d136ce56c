"""Asks programs of the system, and asks again and again in a thread, so that a slow one holds nothing up."""

import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

#: A program that takes longer does not answer.
_WITHIN_S = 5.0
#: How often what is slow to read is read.
EVERY_S = 2.0

T = TypeVar("T")


def output_of(name: str, *arguments: str) -> str | None:
    """Return what a program prints; None if there is none of that name, or it fails or does not answer."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        ended = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_WITHIN_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout


class Repeated(Generic[T]):
    """The last value of a function that a thread calls every two seconds; the first call is made at once."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self.value = read()
        threading.Thread(target=self._go_on, name="availability", daemon=True).start()

    def _go_on(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY_S):
            self.value = self._read()
