"""Becoming a process that no terminal, launcher or session end takes with it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

from tarot_tui.jobs.worker import UMASK

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Launcher:
    """The process that waits for our word: its exit code will be what we say, or 1 if we die first."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def tell(self, code: int) -> None:
        """Let the launcher go with exit code ``code``."""
        # A launcher that was killed meanwhile hears nothing, which must not end us.
        with suppress(OSError):
            os.write(self._pipe, bytes([code]))
        os.close(self._pipe)


def detach() -> Launcher:
    """Go on in a child of our own that leads a session without a terminal; the parent waits for its word.

    The child ignores SIGHUP, makes files for its owner only, and inherits whatever its descendants leave behind.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        word = os.read(reading, 1)
        os._exit(word[0] if word else 1)
    os.close(reading)
    os.setsid()
    mask = os.umask(0o077)
    os.environ.setdefault(UMASK, f"{mask:03o}")  # kept of whoever started the queue that starts us
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stay_with_orphans()
    return Launcher(writing)


def lock(path: Path) -> int | None:
    """Hold ``path`` as long as this process lives: the handle, or None when somebody else holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def unlock(handle: int) -> None:
    """Let go of :func:`lock`. Said aloud, since a thread that hangs in a driver would keep the files open."""
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def stay_with_orphans() -> None:
    """Become the parent of ranks whose launcher died: init would have them out of our sight and still on the GPU."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
