"""Releases, without or with a model in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tarot_tui.export.release import write_release
from tarot_tui.project import Project


def empty_release(project: Project, name: str, *, system: str = "") -> Path:
    """Its folder, for what only looks at releases; the GGUF is one by its first bytes only."""
    folder = project.models / name
    folder.mkdir()
    (folder / "m.gguf").write_bytes(b"GGUF")
    describe(folder, "m.gguf", system=system)
    return folder


def describe(folder: Path, gguf: str, *, system: str = "", **more: Any) -> None:
    """Make a release of the folder that holds the model ``gguf``."""
    facts = {
        "ggufs": {"q8_0": {"file": gguf}},
        "template": {"template": None},
        "system": system,
        "stops": [],
        "parameters": {},
        "base": {"name": "tiny"},
        "run": "",
        "findings": [],
        "merged": False,
        "license": "",
        "conversations": [],
    }
    write_release(folder, facts | more)
