"""Step 2: documents become samples."""

from __future__ import annotations

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import tell
from tarot_tui.plain.wizard import do
from tarot_tui.project import Project, safe_name
from tarot_tui.tui import commands, steps
from tarot_tui.tui.suggestions import documents, template


def walk(project: Project) -> bool:
    """Build a dataset, or go on with one that is there."""
    built = steps.dataset_names(project)
    if built:
        kept = ask.choose(
            _("Go on with a dataset that is built, or build one?"),
            [*((name, name) for name in built), (_("build one"), "")],
            project.recall("dataset"),
        )
        if kept:
            return _looked_at(project, kept)
    return _built(project)


def _built(project: Project) -> bool:
    known = documents(project)
    for path in known:
        tell(f"  {path}")
    if not known:
        tell(_("There are no documents in {folder} yet.").format(folder=project.sources))
    sources = ask.text(
        _("Documents or folders, with commas between?"), project.sources.name if known else "", _some(project)
    )
    names = sorted(path.stem for path in project.templates.glob("*.yaml"))
    rules = ask.choose(
        _("Which template makes samples of them?"),
        [*((name, name) for name in names), (_("none: one sample per cell"), "")],
        template(project),
    )
    name = ask.text(
        _("Name of the dataset?"), rules or "samples", lambda word: safe_name(word, _("dataset")) and None
    )
    paths = [part.strip() for part in sources.split(",") if part.strip()]
    if do(project, commands.data_build(paths, name, f"templates/{rules}.yaml" if rules else "")):
        return False
    project.remember("dataset", name)
    return _looked_at(project, name)


def _some(project: Project):  # type: ignore[no-untyped-def]
    def check(answer: str) -> None:
        paths = [part.strip() for part in answer.split(",") if part.strip()]
        if not paths:
            raise BadInput(_("Name at least one document or folder."))
        for path in paths:
            if not project.resolve(path).exists():
                raise BadInput(_("{file} does not exist.").format(file=path))

    return check


def _looked_at(project: Project, name: str) -> bool:
    project.remember("dataset", name)
    do(project, commands.data_show(name, 1))
    number = 1
    while ask.yes(_("Show another sample?")):
        number += 1
        do(project, commands.data_show(name, number))
    if ask.yes(_("Check it for what spoils a training?"), offered=True):
        do(project, commands.data_check(name))
    return True


WALKS = {"dataset": walk}
