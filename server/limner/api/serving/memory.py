"""Memory that was needed for large images goes back to the system."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
LARGE = 1 << 20  # bytes from which a block has pages of its own, which are given back when it is freed
ARENAS = 2  # with one for each thread, each keeps what its largest image needed


def give_memory_back() -> bool:
    """Have glibc's allocator keep little of what is freed; False where the allocator is another one."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl
        return False
    settings = ((M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, LARGE), (M_ARENA_MAX, ARENAS))
    taken = [mallopt(name, value) for name, value in settings]
    return taken == [1] * len(settings)
