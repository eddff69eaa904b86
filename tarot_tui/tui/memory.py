"""Memory at the start: not searched for garbage before the first picture; given back after it."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

#: Objects made and not dropped between two searches for garbage. Every look makes more than Python's 700, and drops them
#: at the next one by itself: each search would be for nothing, and a tenth of what a look costs.
_BETWEEN = 10_000


def hold() -> None:
    """Look for no garbage until :func:`give_back`: modules and screens are built to stay (a tenth of the start)."""
    gc.disable()


def give_back() -> None:
    """Return unused memory to the system (1 to 2 MB after the start, in 20 ms); only the GNU C library needs telling.

    What is there by now stays, so that no later search for garbage goes through it again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN)
    gc.enable()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
