"""The publishing job: writes the card and its like, then sends everything. Reads ``job.yaml`` in ``TAROT_JOB_DIR``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tarot_tui.jobs import task, worker
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.publish.contents import Contents, Item, collect

_TEXTS = "texts"


def main() -> int:
    """Run the job and return its exit code."""
    return task.main(
        lambda folder, request: {"address": run(folder, request)},
        _("This is the worker of a publication: start one with 'tarot-tui publish NAME'."),
    )


def run(folder: Path, request: dict[str, Any]) -> str:
    """Send what ``request`` (see ``launch``) names; where it can be found now."""
    found = collect(Project(Path(request["project"])), request["name"], request["kind"])
    items = [*found.items, *_write(found, folder / _TEXTS)]
    kind, place = request["to"]["kind"], request["to"]["place"]
    if kind == "hub":
        from tarot_tui.publish.hub import send

        message = f"Publish {found.name} with tarot-tui"
        return send(items, place, _report, public=request["public"], message=message)
    if kind == "rclone":
        from tarot_tui.publish import rclone

        rclone.send(items, place, _report)
    else:
        from tarot_tui.publish import folder as to_folder

        to_folder.send(items, Path(place), _report)
    return place


def _write(found: Contents, folder: Path) -> list[Item]:
    folder.mkdir(exist_ok=True)
    for name, text in found.texts.items():
        write_text(folder / name, text)
    return [Item(folder / name, name) for name in found.texts]


_said = ""


def _report(what: str, done: int, total: int) -> None:
    global _said
    task.stop_if_asked()
    if what != _said:
        _said = what
        print(what, flush=True)
    worker.progress(done, total, "bytes", what)


if __name__ == "__main__":
    sys.exit(main())
