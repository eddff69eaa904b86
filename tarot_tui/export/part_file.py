"""A large file that is written tensor by tensor and goes on, after any end of its process, where it was.

Beside ``.NAME.part`` lies a journal: a line for every finished tensor, with the position behind it and the sha256 of
everything up to there. Whoever takes the part up reads it once, as far as the digests agree, and so needs no trust in
what a killed process, a full disk or a power cut left behind; nothing has to be flushed while writing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tarot_tui.project import umask, write_text

_BLOCK = 1 << 20


class PartFile:
    """One file on its way to ``path``. ``position``: bytes written. ``done``: tensors that are finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part, self._journal = part_of(path)
        self.position = self.done = 0
        self.hash = hashlib.sha256()

    def begin(self, head: bytes, key: str) -> None:
        """Open the part behind ``head``, the file's beginning, or behind what of it is there already.

        key: what the content rests on. Of a part with another one, or another beginning, nothing is kept. Raises
        OSError.
        """
        identity = json.dumps({"key": key, "head": hashlib.sha256(head).hexdigest()})
        if not self.part.exists() and self.path.exists() and self._journal.exists():
            os.replace(self.path, self.part)  # finished and named, but nobody heard of it
        lines = self._lines()
        kept = [identity]
        self._file = open(self.part, "a+b")  # noqa: SIM115  closed by finish() or close()
        self._file.seek(0)
        if lines[:1] == [identity] and self._take(len(head)) == head:
            kept += self._verified(lines[1:])
        if len(kept) == 1:
            self._file.truncate(0)
            self.hash, self.position = hashlib.sha256(), 0
            self.write(head)
        self._file.truncate(self.position)
        write_text(self._journal, "\n".join(kept) + "\n")
        self._log = open(self._journal, "a", encoding="utf-8")  # noqa: SIM115  likewise
        self.done = len(kept) - 1

    def _lines(self) -> list[str]:
        try:
            return self._journal.read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return []

    def _take(self, count: int) -> bytes:
        data = self._file.read(count)
        self.hash.update(data)
        self.position += len(data)
        return data

    def _verified(self, lines: list[str]) -> Iterator[str]:
        """The lines that are true of the part; then the hash and the position are those behind the last of them."""
        good, position = self.hash.copy(), self.position
        for line in lines:
            end, _space, digest = line.partition(" ")
            if not end.isdecimal():
                break
            while (left := int(end) - self.position) > 0 and self._take(min(left, _BLOCK)):
                pass
            if self.position != int(end) or self.hash.hexdigest() != digest:
                break
            good, position = self.hash.copy(), self.position
            yield line
        self.hash, self.position = good, position

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises OSError, such as for a full disk; the part then stays for another attempt."""
        self._file.write(data)
        self.hash.update(data)
        self.position += len(data)

    def tensor_done(self) -> None:
        """One more tensor is written: the next attempt begins behind it."""
        self._file.flush()
        self._log.write(f"{self.position} {self.hash.hexdigest()}\n")
        self._log.flush()
        self.done += 1

    def finish(self) -> None:
        """Give the whole file its name, durably. The journal stays until :meth:`forget`."""
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o666 & ~umask())
        os.fsync(self._file.fileno())
        self.close()
        os.replace(self.part, self.path)

    def close(self) -> None:
        """Close the files and leave them as they are. Never raises: what is not written is written again."""
        for name in ("_file", "_log"):
            with suppress(OSError, AttributeError):
                getattr(self, name).close()

    def forget(self) -> None:
        """Remove the journal, and the part if there is one."""
        self.close()
        self._journal.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


def part_of(path: Path) -> tuple[Path, Path]:
    """Where the part of ``path`` and its journal are."""
    return path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.journal")


def present(path: Path) -> int:
    """Bytes that an earlier attempt at ``path`` left on the disk."""
    try:
        return part_of(path)[0].stat().st_size
    except OSError:
        return 0
