"""Bounds the memory that a library takes for a stranger's file: HDF5 takes as much as a text claims to be long."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


@contextmanager
def bounded_memory(more_bytes: int) -> Iterator[None]:
    """Let this process take so many bytes more, for the length of a block; what asks for more meets with an error.

    Nothing is bounded where the system has no such limit (Windows), or does not keep to it (macOS). The limit is the
    whole process's, so no two threads may be in such a block.

    Args:
        more_bytes: Of address space, beyond what the process has at the beginning of the block.
    """
    if resource is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = psutil.Process().memory_info().vms + more_bytes
    if soft != resource.RLIM_INFINITY and soft <= wanted:  # somebody else bounds it more closely
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
