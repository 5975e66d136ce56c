"""How a process treats the memory that its framework gives back after each step."""

import ctypes
import sys

#: Options of glibc's mallopt, and the values that let it keep everything. Memory of many threads would lie in arenas of
#: at most 64 MiB, which are given back whole.
_KEEPING = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1), "M_ARENA_MAX": (-8, 1)}


def keep_freed_memory() -> bool:
    """Keep what is freed for the next allocation instead of giving it back to the system; say whether that is possible.

    A framework that allocates anew in each step gets its memory page by page, each of which is filled with zeros first:
    a sixth of a step of JAX, a tenth of PyTorch's. What a process needs at most stays the same. To be called before the
    framework has threads.
    """
    if sys.platform != "linux":
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library than glibc
        return False
    done = [set_option(option, value) for option, value in _KEEPING.values()]
    return all(done)
