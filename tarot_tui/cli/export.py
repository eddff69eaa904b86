"""``tarot-tui export RUN [--quant q4_k_m,q8_0] [--merge] [-o NAME]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.export.kquants import QUANTS
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "run", metavar="RUN", help=_("a run's name, the beginning of it, or -1 for the latest")
    )
    parser.add_argument(
        "--quant",
        metavar="TYPES",
        help=_("{known}, several with commas (default: q8_0 for a small model, else q4_k_m)").format(
            known=", ".join(QUANTS)
        ),
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help=_("write a merged Hugging Face folder (alone, or beside --quant)"),
    )
    parser.add_argument("-o", "--output", metavar="NAME", help=_("the model's name (default: the run's)"))
    parser.add_argument("--replace", action="store_true", help=_("replace a model of that name"))


def run(args: Namespace) -> int:
    """Start the export, follow it, and say what came out and what to do with it."""
    from tarot_tui.export.launch import default_quant, find_trained, launch
    from tarot_tui.jobs.find import resolve
    from tarot_tui.jobs.follow import closing_words, exit_code, follow

    project = project_of(args)
    trained = resolve(project, args.run, "train")
    quants = args.quant.split(",") if args.quant else []
    if not quants and not args.merge:
        quants = [default_quant(find_trained(trained).base)]
        say(args, _("No --quant given: {quant} suits the size of this base.").format(quant=quants[0]))
    job = launch(project, trained, quants, args.merge, args.output, replace=args.replace)
    say(args, _("Exporting as {job}; it goes on when this terminal is closed.").format(job=job.name))
    ended = follow(job, on_line=lambda line: say(args, line), on_status=_progress(args))
    if ended.state == "finished":
        return _report(args, project, job)
    if args.json:
        emit({"job": job.name, "state": ended.state, "reason": ended.reason})
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _progress(args: Namespace):
    """Say every tenth of the way, which reads well in a pipe too."""
    said = -1

    def on_status(status) -> None:
        nonlocal said
        if not status.total or status.unit != "bytes" or status.step is None:
            return
        tenth = 10 * status.step // status.total
        if tenth != said:
            said = tenth
            say(args, f"{10 * tenth:3d} %  {status.what}  {size(status.step)} / {size(status.total)}")

    return on_status


def _report(args: Namespace, project: Project, job: Path) -> int:
    from tarot_tui.export.release import read_release
    from tarot_tui.jobs.spec import read_spec

    release = read_release(project, read_spec(job)["request"]["name"])
    if args.json:
        emit({"job": job.name, "state": "finished", "folder": str(release.folder), **release.facts})
        return 0
    for path in [*release.ggufs.values(), *([release.merged] if release.merged else [])]:
        say(args, "  " + project.relative(path))
    say(args, *findings(release.findings))
    if release.ggufs:
        say(args, _("Next: 'tarot-tui chat {name}' talks to it.").format(name=release.name))
    return 0
