"""``python -m tarot_tui.data.sources.contained_worker``: reads the files asked for on stdin, answers on stdout.

Each request is a line of JSON. The answers, a line each: ``table`` (a header), ``rows`` (a part of its rows),
``note`` (a finding), and at the end ``done`` or ``error`` (the sentence).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tarot_tui.data.sources.table import LONGEST, Reading, Table, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _, set_language

# So many are sent at once: enough to be fast, few enough to flow.
_CELLS = 10_000
_PREVIEW_ROWS = 200
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def main() -> None:
    """Serve until stdin ends."""
    # The terminal's Ctrl-C is for the one who asked: it closes our pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A million small lists would be looked through again and again, and none is ever part of a cycle.
    gc.disable()
    for line in sys.stdin.buffer:
        try:
            _serve(json.loads(line))
            gc.collect()
        except BrokenPipeError:
            # Nobody listens any more; Python's own last flush would complain of it.
            os._exit(0)


def _serve(request: dict[str, Any]) -> None:
    set_language(request["language"])
    _bound(request["memory"], request["seconds"])
    path, reading = Path(request["path"]), Reading(**request["reading"])
    reader = importlib.import_module(f"tarot_tui.data.sources.{request['module']}")
    try:
        for table in reader.tables(path, reading, _note):
            _send(table=_header(table))
            rows = islice(table.values, _PREVIEW_ROWS) if reading.preview else table.values
            _send_rows(path, rows, len(table.columns))
        _send(done=True)
    except BadInput as error:
        _send(error=str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        _send(error=_("{file} cannot be read: {reason}.").format(file=shown(path), reason=reason))


def _bound(memory: int, seconds: int) -> None:
    """Limits for the next file: the signal of the second ends us, the first makes the parser fail."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds += int(used.ru_utime + used.ru_stime)
    for limit, wanted in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        _soft, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _header(table: Table) -> dict[str, Any]:
    header = asdict(table.head())
    del header["source"]
    return header


def _send_rows(path: Path, rows: Iterable[Sequence[str]], width: int) -> None:
    rows = iter(rows)
    while part := list(islice(rows, max(1, _CELLS // width))):
        text = _encode({"rows": part})
        if len(text) > LONGEST:
            # Row by row they may still be sendable.
            for row in part:
                if sum(map(len, row)) > LONGEST:
                    raise BadInput(
                        _("{file}: a row is longer than {limit} characters; is this the right file?").format(
                            file=shown(path), limit=f"{LONGEST:,}"
                        )
                    )
                _write(_encode({"rows": [row]}))
        else:
            _write(text)


def _note(finding: Finding) -> None:
    _send(note=finding.as_dict())


def _send(**answer: Any) -> None:
    _write(_encode(answer))


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
