"""A release: what an export makes in ``models/<name>/``, described by its ``release.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.text import one_line

FILE = "release.json"
TEMPLATE = "template.gotmpl"
MODELFILE = "Modelfile"
MERGED = "merged"
_FORMAT = 1


@dataclass(frozen=True)
class Release:
    """One release.

    ggufs: quantisation → file, in the order they were asked for. merged: the Hugging Face folder, if it was made.
    template: the verified Go template; None where there is none (then the GGUF's own Jinja template must serve).
    system: the system prompt of all training samples, empty when they had none or several. stops: tokens that end an
    answer. parameters: Ollama's, such as ``num_ctx``. base: the base model's name. run: the training's job folder.
    thinking: what the runtime must be told about it to ask as the training did; None for nothing.
    conversations: ``{"messages": […], "prompt": text}``, what the tokenizer makes of some chats, to compare with.
    facts: everything in ``release.json``.
    """

    name: str
    folder: Path
    ggufs: dict[str, Path]
    template: str | None
    system: str
    stops: list[str]
    parameters: dict[str, Any]
    base: str
    run: str
    findings: list[Finding] = field(default_factory=list)
    merged: Path | None = None
    license: str = ""
    conversations: list[dict[str, Any]] = field(default_factory=list)
    thinking: bool | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def releases(project: Project) -> list[str]:
    """The names of the project's releases, in order."""
    if not project.models.is_dir():
        return []
    found = [folder.name for folder in project.models.iterdir() if (folder / FILE).is_file()]
    return sorted(name for name in found if not name.startswith("."))


def read_release(project: Project, name: str) -> Release:
    """The release ``name``. Raises BadInput when there is none, or its description is damaged."""
    known = releases(project)
    if name not in known:
        there = _("there are {names}").format(names=", ".join(known)) if known else _("there are none yet")
        raise BadInput(
            _("There is no model '{name}' in this project; {there}.").format(
                name=one_line(name, 60), there=there
            )
        )
    folder = project.models / name
    try:
        return _release(name, folder, json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            _("{file} is damaged: export the run again with --replace.").format(file=folder / FILE)
        ) from None


def need_ggufs(release: Release) -> None:
    """Raise BadInput when ``release`` holds no GGUF, or one that is gone."""
    if not release.ggufs:
        raise BadInput(
            _("{release} holds no GGUF: export the run again with --quant.").format(release=release.name)
        )
    if gone := [path for path in release.ggufs.values() if not path.is_file()]:
        raise BadInput(_("{file} is gone: export the run again with --replace.").format(file=gone[0]))


def _release(name: str, folder: Path, facts: dict[str, Any]) -> Release:
    return Release(
        name=name,
        folder=folder,
        ggufs={quant: folder / Path(entry["file"]).name for quant, entry in facts["ggufs"].items()},
        template=(folder / TEMPLATE).read_bytes().decode("utf-8") if facts["template"]["template"] else None,
        system=str(facts["system"]),
        stops=[str(stop) for stop in facts["stops"]],
        parameters=dict(facts["parameters"]),
        base=str(facts["base"]["name"]),
        run=str(facts["run"]),
        findings=[Finding(**finding) for finding in facts["findings"]],
        merged=folder / MERGED if facts["merged"] else None,
        license=str(facts["license"]),
        conversations=list(facts["conversations"]),
        thinking=facts["template"].get("thinking"),
        facts=facts,
    )


def write_release(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``release.json``, the template and, where it can be exact, the Modelfile into ``folder``."""
    from tarot_tui.export.modelfile import modelfile

    template = facts["template"]["template"]
    if template:
        write_text(folder / TEMPLATE, template)
    if facts["ggufs"]:
        first = next(iter(facts["ggufs"].values()))["file"]
        text = modelfile(first, template, facts["system"], facts["stops"], facts["parameters"])
        if text:
            write_text(folder / MODELFILE, text)
    described = {"version": _FORMAT, **facts}
    write_text(folder / FILE, json.dumps(described, ensure_ascii=False, indent=1) + "\n")
