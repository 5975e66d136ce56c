"""Batches made ahead in a thread: while a step is computed, the images of the next one come from the disk."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

#: So many items wait at most. More would only take memory: the system reads further ahead by itself.
_WAITING = 2
#: How often a thread that waits for room looks whether its items are still wanted.
_LOOK_EVERY_S = 0.1


class _End:
    """What the thread puts last: how it ended."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetched(items: Iterable[T]) -> Generator[T, None, None]:
    """Yield items that a thread makes ahead, in their order; an error is raised where its item would have come.

    The thread ends with the iteration, also if that is given up.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(_WAITING)
    is_over = threading.Event()
    thread = threading.Thread(target=_make, args=(items, waiting, is_over), name="prefetching", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        is_over.set()
        thread.join()


def _make(items: Iterable[T], waiting: "queue.Queue[T | _End]", is_over: threading.Event) -> None:
    end = _End()
    try:
        for item in items:
            if not _put(item, waiting, is_over):
                return
    except BaseException as error:  # noqa: BLE001  raised again in the thread that wants the items
        end = _End(error)
    _put(end, waiting, is_over)


def _put(item: T | _End, waiting: "queue.Queue[T | _End]", is_over: threading.Event) -> bool:
    """Put an item where it is taken; return False if nobody wants it any more."""
    while not is_over.is_set():
        try:
            waiting.put(item, timeout=_LOOK_EVERY_S)
        except queue.Full:
            continue
        return True
    return False
