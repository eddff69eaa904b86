"""Where a library's own words go while the screens have the terminal: into a file, not over the screen."""

from __future__ import annotations

import os
from contextlib import suppress

from tarot_tui.project import cache_dir

#: Bytes after which the file is begun again.
_MOST = 1 << 20


class StrayOutput:
    """Leads standard output and standard error of this process, and of its children, into ``stray.log``.

    A warning of a C library would otherwise be drawn over the screen, where nobody repaints it.
    """

    def __init__(self) -> None:
        self._kept: dict[int, int] = {}

    def divert(self) -> int:
        """Begin; returns a descriptor of the terminal, which is what standard error was."""
        if not self._kept:
            log = _log()
            for stream in (1, 2):
                self._kept[stream] = os.dup(stream)
                if os.isatty(stream):
                    os.dup2(log, stream)
            os.close(log)
        return self._kept[2]

    def restore(self, *, keep: bool = False) -> None:
        """Let both be what they were. ``keep``: the terminal's descriptor is still in use, in a write that hangs."""
        for stream, kept in self._kept.items():
            os.dup2(kept, stream)
            if not keep:
                os.close(kept)
        self._kept = {}


def _log() -> int:
    with suppress(OSError):
        folder = cache_dir()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "stray.log"
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(log).st_size > _MOST:
            os.ftruncate(log, 0)
        return log
    return os.open(os.devnull, os.O_WRONLY)
