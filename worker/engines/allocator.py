"""How a process treats the memory that its framework gives back after each step."""

import ctypes
import sys

#: Allocate anew in each step; TensorFlow keeps what it needs by itself.
_ALLOCATING = ("torch", "jax")
#: Options of glibc's mallopt, and the values that let it keep everything. The last is how many arenas there are for
#: memory: those of threads have at most 64 MiB, and are given back whole.
_M_MMAP_MAX, _M_TRIM_THRESHOLD, _M_ARENA_MAX = (-4, 0), (-1, -1), (-8, 1)


def keep_freed_memory(engine: str) -> None:
    """Keep what an engine frees for its next step, where it would go back to the system and come again page by page.

    Each page is filled with zeros first: a seventh of a step of JAX, a tenth of PyTorch's. What a process needs at most
    stays the same. To be called before there are threads, whose arenas stay.
    """
    if engine not in _ALLOCATING or sys.platform != "linux":
        return
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library than glibc
        return
    for option in (_M_MMAP_MAX, _M_TRIM_THRESHOLD, _M_ARENA_MAX):
        set_option(*option)
