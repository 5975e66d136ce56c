"""A lock between the processes of a host, for work that one of them does for all."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]  # Windows has no such module

_PAUSE_S = 0.2


@contextmanager
def waiting_lock(path: Path, advance: Callable[[], None]) -> Iterator[None]:
    """Hold a lock for the length of the block; it ends with this process, however that ends.

    Where a file system has no locks, or Windows none, nothing is held: what is done in the block must bear that.

    Args:
        path: The file of the lock, which is made and stays.
        advance: Called again and again while another process holds it; may raise.

    Raises:
        OSError: The file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not lock_now(descriptor):
            advance()
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def lock_now(descriptor: int) -> bool:
    """Lock a file without waiting, until it is closed; return False if another process holds the lock."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
