"""Readers that rest on large parsers run in a process of their own, with bounded memory and time.

A damaged or hostile file may crash such a parser, or make it ask for more memory than there is: then that process
ends, not ours, and the file is answered with one sentence. It sends its tables as lines of JSON; a process that
finished a file reads the next one too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tarot_tui.data.sources.table import Header, Note, Reading, Table, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _, language
from tarot_tui.text import size

#: Bytes that the process may map: enough for 50 million cells.
MEMORY = 2 << 30
#: Seconds of processor time for one file.
SECONDS = 300
#: Seconds without an answer: more than those on a busy machine, since a process that waits for ever takes none.
PATIENCE = 900

_CHUNK = 1 << 16  # as much as a pipe holds

_spare: list[_Process] = []


def tables(module: str, path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """What ``tarot_tui.data.sources.<module>`` finds in ``path``, read in a process of its own."""
    process = _spare.pop() if _spare else _Process()
    try:
        process.ask(
            {"module": module, "path": os.fspath(path), "reading": asdict(reading)}
            | {"language": language(), "memory": MEMORY, "seconds": SECONDS}
        )
        yield from _tables(process, path, note)
    except BaseException:
        # Also when the caller wants no more: what is still in the pipe belongs to this file.
        process.end()
        raise
    if _spare:
        process.end()
    else:
        _spare.append(process)


def _tables(process: _Process, path: Path, note: Note) -> Iterator[Table]:
    answer = _next(process, path, note)
    while "table" in answer:
        values = _Values(process, path, note)
        found = answer["table"]
        header = Header(path, found["section"], tuple(found["columns"]), found["kind"], found["main"])
        yield Table(**vars(header) | {"context": tuple(found["context"]), "values": values})
        answer = values.after()


class _Values:
    """The rows of one table as they arrive; what the caller leaves unread is passed over."""

    def __init__(self, process: _Process, path: Path, note: Note) -> None:
        self.source = (process, path, note)
        self.answer: dict[str, Any] = {"rows": []}

    def __iter__(self) -> Iterator[Sequence[str]]:
        while "rows" in self.answer:
            yield from self.answer["rows"]
            self.answer = _next(*self.source)

    def after(self) -> dict[str, Any]:
        """The answer that follows the rows."""
        while "rows" in self.answer:
            self.answer = _next(*self.source)
        return self.answer


def _next(process: _Process, path: Path, note: Note) -> dict[str, Any]:
    """The next answer but notes, which are passed on. Raises BadInput for a complaint and for a dead process."""
    while True:
        answer = process.answer()
        if answer is None:
            late = process.late or process.end(patience=10) == -signal.SIGXCPU
            raise BadInput(_too_long(path) if late else _crashed(path))
        if "error" in answer:
            raise BadInput(answer["error"])
        if "note" not in answer:
            return answer
        note(Finding(**answer["note"]))


def _too_long(path: Path) -> str:
    return _("{file} takes too long to read: split it, or save it as csv or txt.").format(file=shown(path))


def _crashed(path: Path) -> str:
    from tarot_tui.data.sources import archive

    if far := archive.far_corner(path):
        return far
    return _(
        "{file} is damaged, or needs more than {memory} of memory to read: open it in its program and save it anew, or in parts."
    ).format(file=shown(path), memory=size(MEMORY))


class _Process:
    """One reading process: ends by itself when its input does, so none outlives us."""

    def __init__(self) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "tarot_tui.data.sources.contained_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.arrived = bytearray()
        self.late = False

    def ask(self, request: dict[str, Any]) -> None:
        """Begin with a file. A process that died meanwhile is noticed when it is to answer."""
        assert self.child.stdin
        with suppress(BrokenPipeError):
            self.child.stdin.write(json.dumps(request).encode() + b"\n")
            self.child.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        """The next line, None when there will be none."""
        assert self.child.stdout
        seen = 0
        while (end := self.arrived.find(b"\n", seen)) < 0:
            seen = len(self.arrived)
            if not select.select([self.child.stdout], [], [], PATIENCE)[0]:
                self.late = True
                return None
            chunk = self.child.stdout.read(_CHUNK)
            if not chunk:
                return None
            self.arrived += chunk
        line = bytes(memoryview(self.arrived)[:end])
        del self.arrived[: end + 1]
        return json.loads(line)

    def end(self, patience: float = 0) -> int:
        """End it and give its exit code: negative the signal it died of, within ``patience`` seconds or by us."""
        assert self.child.stdin and self.child.stdout
        self.child.stdout.close()
        with suppress(BrokenPipeError):
            self.child.stdin.close()
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()
