"""``tarot-tui release list``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.project import Project


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """``--json``: one list of name, base, run, quants, merged, proven (``yes``, ``stale``, ``no``), damage (a sentence)."""
    from tarot_tui.export.release import releases

    project = project_of(args)
    found = [_facts(project, name) for name in releases(project)]
    if args.json:
        emit(found)
    elif not found:
        say(args, _("No models yet: 'tarot-tui export RUN' makes one."))
    else:
        words = {"yes": _("yes"), "stale": _("no longer"), "no": _("no")}
        rows = [
            (
                one["name"],
                ", ".join([*one["quants"], *([_("merged")] if one["merged"] else [])]) or _("damaged"),
                one_line(one["run"] or "–", 40),
                words[one["proven"]],
            )
            for one in found
        ]
        print("\n".join(table(rows, (_("name"), _("files"), _("run"), _("proven")))))
        say(args, *(one["damage"] for one in found if one["damage"]))
    return 0


def _facts(project: Project, name: str) -> dict[str, Any]:
    from tarot_tui.export.release import read_release
    from tarot_tui.proof.launch import read_proof, stale

    facts = {"name": name, "base": "", "run": "", "quants": [], "merged": False, "proven": "no", "damage": ""}
    try:
        release = read_release(project, name)
    except BadInput as error:  # the others are still worth seeing
        return facts | {"damage": str(error)}
    proof = read_proof(release)
    return facts | {
        "base": release.base,
        "run": release.run,
        "quants": list(release.ggufs),
        "merged": release.merged is not None,
        "proven": "no" if not proof else "stale" if stale(release, proof) else "yes",
    }
