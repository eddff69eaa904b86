"""Reading ``trainer_log.jsonl`` (or any file of one JSON object per line) while it is being written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tarot_tui.jobs.log import last_lines

_BLOCK = 1 << 20


class MetricsReader:
    """New lines of the file, each handed out once.

    A line that is only half there waits; a damaged one is skipped; a truncated or replaced file is read again.
    """

    def __init__(self, path: Path, *, skip_existing: bool = False) -> None:
        """With ``skip_existing`` only what is appended from now on counts."""
        self._path = path
        self._rest = b""
        self._position = 0
        self._inode: int | None = None
        if skip_existing and path.exists():
            found = path.stat()
            self._position, self._inode = found.st_size, found.st_ino

    def read(self) -> list[dict[str, Any]]:
        """The objects appended since the last call, in order."""
        rows: list[dict[str, Any]] = []
        try:
            found = self._path.stat()
            replaced = self._inode not in (None, found.st_ino)
            if replaced or found.st_size < self._position:
                self._position, self._rest = 0, b""
            self._inode = found.st_ino
            if found.st_size > self._position:
                with open(self._path, "rb") as file:
                    file.seek(self._position)
                    while data := file.read(_BLOCK):
                        self._position += len(data)
                        lines = (self._rest + data).split(b"\n")
                        self._rest = lines.pop()
                        rows += parse_lines(lines)
        except OSError:
            pass
        return rows


def last_metrics(path: Path, count: int = 20) -> dict[str, Any]:
    """The latest value of every key in the last ``count`` lines: ``loss`` also right after an evaluation."""
    merged: dict[str, Any] = {}
    for row in parse_lines(line.encode() for line in last_lines(path, count)):
        merged.update(row)
    return merged


def parse_lines(lines) -> list[dict[str, Any]]:  # type: ignore[no-untyped-def]
    """The JSON objects among ``lines`` (bytes); whatever else is there is passed over."""
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows
