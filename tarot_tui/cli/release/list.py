"""``tarot-tui release list``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.locale import _
from tarot_tui.text import one_line


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """``--json``: one list of name, base, run, quants, merged, proven (``yes``, ``stale``, ``no``)."""
    from tarot_tui.export.release import read_release, releases
    from tarot_tui.proof.launch import read_proof, stale

    project = project_of(args)
    found = []
    for name in releases(project):
        release = read_release(project, name)
        proof = read_proof(release)
        proven = "no" if not proof else "stale" if stale(release, proof) else "yes"
        found.append(
            {
                "name": name,
                "base": release.base,
                "run": release.run,
                "quants": list(release.ggufs),
                "merged": release.merged is not None,
                "proven": proven,
            }
        )
    if args.json:
        emit(found)
    elif not found:
        say(args, _("No models yet: 'tarot-tui export RUN' makes one."))
    else:
        words = {"yes": _("yes"), "stale": _("no longer"), "no": _("no")}
        rows = [
            (
                one["name"],
                ", ".join([*one["quants"], *([_("merged")] if one["merged"] else [])]),
                one_line(one["run"] or "–", 40),
                words[one["proven"]],
            )
            for one in found
        ]
        print("\n".join(table(rows, (_("name"), _("files"), _("run"), _("proven")))))
    return 0
