"""Which datasets are older than what they were made of, and how each is made again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.data import ready, record, registry
from tarot_tui.data.sources import collect
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line


@dataclass
class Status:
    """A dataset against what it was made of.

    state: ``current``; ``stale``; ``unknown`` when it was not made here, so that nobody can tell.
    why: a sentence for each change. command: what makes it again, '' when nothing would.
    """

    name: str
    state: str = "current"
    why: list[str] = field(default_factory=list)
    command: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The fields, JSON-ready."""
        return asdict(self)


def status(project: Project, names: list[str] | None = None) -> list[Status]:
    """Every registered dataset, or those named. Sources are read through, for their hashes.

    A dataset that was made of a stale one is stale too. Raises BadInput for an unknown name.
    """
    registered = registry.read(project)
    for name in names or []:
        if name not in registered:
            registry.entry(project, name)
    hashes = _Hashes(project)
    found = {name: _status(project, name, hashes) for name in registered}
    _pass_on(project, found)
    return [found[name] for name in (names or registered)]


class _Hashes:
    """Hashes of files, each read once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._known: dict[Path, str | None] = {}

    def of(self, stored: str) -> str | None:
        """The hash of a file as records name it; None when it cannot be read."""
        path = self.project.resolve(stored)
        if path not in self._known:
            try:
                self._known[path] = record.sha256(path)
            except BadInput:
                self._known[path] = None
        return self._known[path]


def _status(project: Project, name: str, hashes: _Hashes) -> Status:
    noted = record.read(project, name)
    if not noted:
        return Status(name, "unknown")
    found = Status(name, command=command(project, noted))
    found.why = [
        *_missing_file(project, noted),
        *_changed_inputs(noted, hashes),
        *_new_files(project, noted),
    ]
    if found.why:
        found.state = "stale"
    return found


def _missing_file(project: Project, noted: dict[str, Any]) -> Iterator[str]:
    file = str(noted.get("file") or f"{noted.get('name')}.json")
    if not (project.data / file).is_file():
        yield _("its data file {file} is gone").format(file=one_line(f"data/{file}"))


def _changed_inputs(noted: dict[str, Any], hashes: _Hashes) -> Iterator[str]:
    for stored, sha256 in _inputs(noted):
        now = hashes.of(stored)
        if now is None:
            yield _("{file} is gone").format(file=one_line(stored, 200))
        elif sha256 and now != sha256:
            yield _("{file} has changed").format(file=one_line(stored, 200))


def _inputs(noted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """All files that shaped the dataset, with the hashes they had."""
    shaping = [*_list(noted, "sources")]
    template = noted.get("template")
    if isinstance(template, dict):
        shaping += _list(template, "files")
        if template.get("ready"):
            path = ready.path_of(str(template.get("path")))
            shaping.append(template | {"path": str(path or template.get("path"))})
        else:
            shaping.append(template)
    if isinstance(noted.get("prompt"), dict):
        shaping.append(noted["prompt"])
    for one in shaping:
        yield str(one.get("path")), str(one.get("sha256") or "")


def _new_files(project: Project, noted: dict[str, Any]) -> Iterator[str]:
    """Files in folders that were named, that a build would read now and did not then."""
    if noted.get("by") != "build":
        return
    known = {str(one.get("path")) for one in _list(noted, "sources")}
    folders = [path for stored in noted.get("named") or [] if (path := project.resolve(stored)).is_dir()]
    if not folders:
        return
    try:
        files = collect(folders)
    except BadInput:
        return
    for path in files:
        stored = os.fsencode(project.relative(path)).decode("utf-8", "replace")
        if stored not in known:
            yield _("{file} is new").format(file=one_line(stored, 200))


def _pass_on(project: Project, found: dict[str, Status]) -> None:
    """What was made of a stale dataset is stale as well."""
    for one in found.values():
        noted = record.read(project, one.name)
        if noted.get("by") not in ("convert", "split"):
            continue
        for above in noted.get("named") or []:
            if above in found and found[above].state == "stale" and one.state == "current":
                one.state = "stale"
                one.why.append(_("the dataset {name} is stale").format(name=one_line(above, 60)))


def command(project: Project, noted: dict[str, Any]) -> str:
    """The command that makes a dataset again, to be run where we are; '' when the note does not say."""
    name, options = str(noted.get("name")), noted.get("options") or {}
    named = noted.get("named")
    verb = noted.get("by")
    if not isinstance(named, list) or not isinstance(options, dict):
        return ""
    words = ["tarot-tui", "data", str(verb)]
    if verb == "build":
        words += [_here(project, one) for one in named] + [
            "-o",
            name,
            *_build_options(project, noted, options),
        ]
    elif verb == "convert":
        known = named[0] in registry.read(project)
        words += [named[0] if known else _here(project, named[0]), "--to", str(options.get("to")), "-o", name]
        words += ["--jsonl"] * bool(options.get("lines"))
    elif verb == "split":
        words += [
            named[0],
            "--eval",
            f"{options.get('eval')}",
            "--names",
            ",".join(options.get("names") or ()),
        ]
    else:
        return ""
    return shlex.join([*words, *_project(project)])


def _build_options(project: Project, noted: dict[str, Any], options: dict[str, Any]) -> Iterator[str]:
    template = noted.get("template")
    if isinstance(template, dict):
        path = str(template.get("path"))
        yield from ("--template", path if template.get("ready") else _here(project, path))
    if options.get("sheets"):
        yield from ("--sheets", ",".join(options["sheets"]))
    if options.get("header"):
        yield from ("--header", str(options["header"]))


def _here(project: Project, stored: str) -> str:
    """A stored path as one types it in the working directory."""
    path = project.resolve(stored)
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _project(project: Project) -> list[str]:
    inside = Path.cwd().is_relative_to(project.root.resolve())
    return [] if inside else ["--project", str(project.root.resolve())]


def _list(noted: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = noted.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
