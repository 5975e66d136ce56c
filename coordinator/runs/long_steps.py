"""Shows steps that take a while before a run is submitted: a bar on a terminal; elsewhere a line, if much is read."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import psutil
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deepchord.shared.command_line import PrintableConsole, label, new_console

#: This much is read or written in about a second; a smaller step gets no line.
_LARGE_BYTES = 64 * 2**20
#: So many images, too.
_MANY_IMAGES = 2_000
#: What a process reads and writes besides: modules, the bar itself.
_OVERHEAD_BYTES = 2**20
_UPDATE_EVERY_S = 0.1


@contextmanager
def long_step(
    what: str, size_bytes: int | None, way: Literal["read", "write"], console: PrintableConsole | None = None
) -> Iterator[None]:
    """Show on stderr that a block takes a while; a bar is removed afterwards.

    The bar shows how much this process has read or written since the block began, as the system counts it. It only
    moves to and fro where the system does not count: on macOS, and for a transfer to a bucket.

    Args:
        what: The step, `Reading fashion.npz`.
        size_bytes: How much is read or written; None: not known.
        way: Whether the block reads or writes.
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
            if size_bytes and done_bytes > _OVERHEAD_BYTES:
                progress.update(task, completed=min(done_bytes, size_bytes), total=size_bytes)

        with _counting(way, show):
            yield


@contextmanager
def counted_step(what: str, console: PrintableConsole | None = None) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to be told how many images were read and how many there are; a bar shows it on stderr.

    Args:
        what: The step, `Reading photos`.
        console: Where to show it; None: on stderr.
    """
    console = console or new_console(sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _told_once(what, console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task(label(what), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _told_once(what: str, console: PrintableConsole) -> Callable[[int, int], None]:
    """Return a function that prints a line when it is first called, if there are many images."""

    def tell(done: int, total: int) -> None:
        if done == 1 and total >= _MANY_IMAGES:
            console.print(f"{label(what)} ({total:,} images)", highlight=False, markup=False, soft_wrap=True)

    return tell


@contextmanager
def _counting(way: str, show: Callable[[int], None]) -> Iterator[None]:
    """Call `show` again and again with the bytes that were read or written since the block began."""
    has_ended, before = threading.Event(), _counted(way)

    def update() -> None:
        while not has_ended.wait(_UPDATE_EVERY_S):
            show(_counted(way) - before)

    thread = threading.Thread(target=update, name="long-step", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def _counted(way: str) -> int:
    with contextlib.suppress(psutil.Error, AttributeError):  # not on every system, and not every user may ask
        counters = psutil.Process().io_counters()
        return int(counters.read_chars if way == "read" else counters.write_chars)
    return 0
