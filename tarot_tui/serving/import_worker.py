"""The import job: a release into Ollama, and the proof of its prompt. Reads ``job.yaml`` in ``TAROT_JOB_DIR``.

Ollama keeps an uploaded file by its hash, so a resumed import sends it only when it did not arrive whole.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tarot_tui.export.release import read_release
from tarot_tui.jobs import task, worker
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.serving.importing import import_release
from tarot_tui.serving.ollama import Ollama
from tarot_tui.text import one_line


class _Report:
    """What the import is doing: each thing once in the log, its bytes as progress."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, what: str, done: int | None, total: int | None) -> None:
        task.stop_if_asked()
        what = one_line(what, 200)
        if what != self._said:
            self._said = what
            print(what, flush=True)
        worker.progress(done or 0, total, "bytes", what)


def main() -> int:
    """Run the job and return its exit code."""
    return task.main(
        lambda _folder, request: run(request),
        _("This is the worker of an import: start one with 'tarot-tui ollama import NAME'."),
    )


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Bring the release there; name, url, version and findings, JSON-ready."""
    release = read_release(Project(Path(request["project"])), request["release"])
    with Ollama(request["host"]) as ollama:
        done = import_release(
            ollama,
            release,
            request["name"],
            quant=request["quant"],
            replace=request["replace"],
            on_status=_Report(),
        )
    for finding in done.findings:
        print(finding.text, flush=True)
    return {
        "name": done.name,
        "url": done.url,
        "version": done.version,
        "findings": [finding.as_dict() for finding in done.findings],
    }


if __name__ == "__main__":
    sys.exit(main())
