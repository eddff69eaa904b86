"""A release without a model in it, for what only looks at releases."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.export.release import write_release
from tarot_tui.project import Project


def empty_release(project: Project, name: str, *, system: str = "") -> Path:
    """Its folder; the GGUF is one by its first bytes only."""
    folder = project.models / name
    folder.mkdir()
    (folder / "m.gguf").write_bytes(b"GGUF")
    facts = {
        "ggufs": {"q8_0": {"file": "m.gguf"}},
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
    write_release(folder, facts)
    return folder
