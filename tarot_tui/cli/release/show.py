"""``tarot-tui release show NAME``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model of this project"))


def run(args: Namespace) -> int:
    """``--json``: everything in ``release.json``, and ``proof``."""
    from tarot_tui.export.release import read_release
    from tarot_tui.proof.launch import read_proof, stale

    project = project_of(args)
    release = read_release(project, args.name)
    proof = read_proof(release)
    if args.json:
        emit({**release.facts, "proof": proof})
        return 0
    say(args, f"{release.name}  ({one_line(release.base, 80)}, {one_line(release.run or '–', 60)})")
    for path in [*release.ggufs.values(), *([release.merged] if release.merged else [])]:
        say(
            args,
            f"  {project.relative(path)}  {size(path.stat().st_size) if path.is_file() else ''}".rstrip(),
        )
    if release.system:
        say(args, _("system prompt: {system}").format(system=plain(release.system)))
    say(args, _("an answer ends at: {stops}").format(stops=", ".join(map(one_line, release.stops)) or "–"))
    if not proof:
        say(args, _("not proven: 'tarot-tui release proof {name}' does it").format(name=release.name))
    elif changed := stale(release, proof):
        say(args, _("proven once, but {names} changed since").format(names=", ".join(changed)))
    else:
        say(args, _("proof: {verdict}").format(verdict=plain(str(proof["verdict"]))))
    say(args, *findings(release.findings))
    return 0
