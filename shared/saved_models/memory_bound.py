"""Limits the memory for reading an untrusted file: HDF5 allocates as much as the file says that a text is long."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # it is asked for where it is used


@contextmanager
def bounded_memory(more_bytes: int) -> Iterator[None]:
    """Limit the memory that this process can allocate in the block; allocating more fails with an error.

    There is no limit on Windows, which has none, and on macOS, which ignores it. The limit is for the whole process, so
    only one thread may be in such a block.

    Args:
        more_bytes: How much address space may be added to what the process has at the beginning of the block.
    """
    if resource is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = psutil.Process().memory_info().vms + more_bytes
    if soft != resource.RLIM_INFINITY and soft <= wanted:  # there is a lower limit already
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
