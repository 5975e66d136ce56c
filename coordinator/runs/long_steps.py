"""Says what takes a while before a run is submitted: a bar on a terminal, elsewhere a line for what is large."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import psutil
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from deepchord.shared.command_line import PrintableConsole, label, new_console

#: Less is read and written in about a second.
_LARGE_BYTES = 64 * 2**20
#: What is read and written besides: modules, the bar itself.
_OTHERS_BYTES = 2**20
_LOOK_EVERY_S = 0.1


@contextmanager
def long_step(
    what: str, size_bytes: int | None, way: Literal["read", "write"], console: PrintableConsole | None = None
) -> Iterator[None]:
    """Tell of a step on stderr while a block does it; a bar is gone afterwards.

    The bar shows how much this process has read or written since, as the system counts it; it swings until then, and
    where nobody counts: on macOS, or on the way to a bucket.

    Args:
        what: What is done, `Reading fashion.npz`.
        size_bytes: How much is read or written; None: nobody knows.
        way: Which of both.
        console: Where to show it; None: on stderr.
    """
    console = console or new_console(sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        if size_bytes is not None and size_bytes >= _LARGE_BYTES:
            line = f"{label(what)} ({size_bytes / 2**20:,.0f} MiB)"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        yield
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(None), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task(label(what), total=None)

        def show(done_bytes: int) -> None:
            if size_bytes and done_bytes > _OTHERS_BYTES:
                progress.update(task, completed=min(done_bytes, size_bytes), total=size_bytes)

        with _counting(way, show):
            yield


@contextmanager
def _counting(way: str, show: Callable[[int], None]) -> Iterator[None]:
    """Show again and again how many bytes were read or written since the block began."""
    over, before = threading.Event(), _counted(way)

    def look() -> None:
        while not over.wait(_LOOK_EVERY_S):
            show(_counted(way) - before)

    thread = threading.Thread(target=look, name="long-step", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _counted(way: str) -> int:
    with contextlib.suppress(psutil.Error, AttributeError):  # not everywhere, nor everybody may ask
        counters = psutil.Process().io_counters()
        return int(counters.read_chars if way == "read" else counters.write_chars)
    return 0
