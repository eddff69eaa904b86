"""Ask for a publication: look at what and where, make its job and start it. Light enough for a screen to call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import Refused
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.publish.contents import collect
from tarot_tui.publish.folder import check as check_folder
from tarot_tui.publish.target import Target, parse

#: The kind of these jobs.
KIND = "publish"


@dataclass(frozen=True)
class Offer:
    """What would go out. files: names with their sizes in bytes; findings: what its reader should know before."""

    name: str
    kind: str
    target: Target
    public: bool
    files: list[tuple[str, int]]
    findings: list[Finding]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(size for _name, size in self.files)


def offer(
    project: Project,
    name: str,
    to: str,
    *,
    kind: str | None = None,
    public: bool = False,
    replace: bool = False,
) -> Offer:
    """Look at everything without sending a byte of it. replace: files of a folder may be written over.

    Raises BadInput for a name or a place that cannot be, Refused for a place that may not be written to or that more
    people could read than was asked for, TarotError when the hub does not answer.
    """
    target = parse(to)
    found = collect(project, name, kind)
    _check(project, target, public)
    if target.kind == "folder":
        check_folder(Path(target.place), found, replace=replace)
    sizes = [(item.name, item.size) for item in found.items]
    sizes += [(name, len(text.encode())) for name, text in found.texts.items()]
    return Offer(found.name, found.kind, target, public, sorted(sizes), found.findings)


def _check(project: Project, target: Target, public: bool) -> None:
    if target.kind == "hub":
        from tarot_tui.publish.hub import check

        check(target.place, public=public)
    elif target.kind == "folder":
        folder = Path(target.place)
        if project.root.resolve() in folder.resolve().parents and folder.resolve().is_relative_to(
            project.models.resolve()
        ):
            raise Refused(
                _("{folder} is where this project keeps its models: publish to another folder.").format(
                    folder=folder
                )
            )


def launch(project: Project, wanted: Offer) -> Path:
    """Start publishing what was offered; the job's folder."""
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create

    folder = create(
        project,
        KIND,
        f"publish-{wanted.name}",
        ["{python}", "-m", "tarot_tui.publish.worker"],
        {
            "project": str(project.root.resolve()),
            "name": wanted.name,
            "kind": wanted.kind,
            "to": {"kind": wanted.target.kind, "place": wanted.target.place},
            "public": wanted.public,
        },
        # The hub's own bars would fill the log; the job tells its progress itself.
        {"HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        title=_("publish {name} to {place}").format(name=wanted.name, place=wanted.target.label),
    )
    start(folder)
    return folder
