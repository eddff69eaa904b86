"""Memory at the start: what is not taken, not searched for garbage before the first picture, and given back after it."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

#: Objects made and not dropped between two searches for garbage. Every look makes more than Python's 700, and drops them
#: at the next one by itself: each search would be for nothing, and a tenth of what a look costs.
_BETWEEN = 10_000


def hold() -> None:
    """Look for no garbage until :func:`give_back`: modules and screens are built to stay (a tenth of the start)."""
    gc.disable()


def import_asyncio() -> None:
    """Import asyncio without TLS, which no screen uses: 4 MB of OpenSSL, and a twentieth of the start.

    It does without where Python was built without it, too. Whoever imports ``ssl`` later gets it.
    """
    if "ssl" not in sys.modules and "asyncio" not in sys.modules:
        sys.modules["ssl"] = None  # type: ignore[assignment]
        try:
            import asyncio  # noqa: F401
        finally:
            del sys.modules["ssl"]


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
