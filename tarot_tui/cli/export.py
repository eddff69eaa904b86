"""``tarot-tui export RUN [--quant q4_k_m,q8_0] [--merge] [-o NAME] [--dry-run]``, or without a run:
``tarot-tui export --base MODEL [--adapter DIR[:WEIGHT]]… [-o NAME]``"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, findings, project_of, say, table
from tarot_tui.cli.progress import Progress
from tarot_tui.errors import BadInput
from tarot_tui.export.llama_quantize import all_names
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help=_("a run's name, the beginning of it, or -1 for the latest")
    )
    parser.add_argument(
        "--base",
        metavar="MODEL",
        help=_("instead of a run: a model as it is, by its folder or its name on the hub"),
    )
    parser.add_argument(
        "--adapter",
        dest="adapters",
        action="append",
        default=[],
        metavar="DIR[:WEIGHT]",
        help=_("with --base: merge this peft adapter in, as much of it as WEIGHT says (1); may be repeated"),
    )
    parser.add_argument(
        "--quant",
        metavar="TYPES",
        help=_("{known}, several with commas (default: q8_0 for a small model, else q4_k_m)").format(
            known=", ".join(all_names())
        ),
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help=_("write a merged Hugging Face folder (alone, or beside --quant)"),
    )
    parser.add_argument("-o", "--output", metavar="NAME", help=_("the model's name (default: the run's)"))
    parser.add_argument(
        "--threads", type=int, metavar="N", help=_("cores to quantise with (default: all there are)")
    )
    parser.add_argument(
        "--imatrix",
        metavar="FILE",
        help=_("quantise by this importance matrix, which llama.cpp's llama-imatrix made"),
    )
    parser.add_argument("--replace", action="store_true", help=_("replace a model of that name"))
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=_("say what would happen to which tensors and how much would be written, and write nothing"),
    )


def run(args: Namespace) -> int:
    """Start the export, follow it, and say what came out and what to do with it."""
    from tarot_tui.jobs.follow import closing_words, exit_code, follow

    project = project_of(args)
    if bool(args.run) == bool(args.base):
        raise BadInput(_("Say what to export: either a RUN or --base MODEL."))
    if args.adapters and not args.base:
        raise BadInput(_("--adapter needs --base MODEL: a RUN has its own adapter."))
    if args.threads is not None and args.threads < 1:
        raise BadInput(_("--threads: {count} is not a number of cores.").format(count=args.threads))
    if args.dry_run:
        return _dry_run(args, project)
    job = _launch_base(args, project) if args.base else _launch(args, project)
    say(args, _("Exporting as {job}; it goes on when this terminal is closed.").format(job=job.name))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if ended.state == "finished":
        return _report(args, project, job)
    if args.json:
        emit({"job": job.name, "state": ended.state, "reason": ended.reason})
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _dry_run(args: Namespace, project: Project) -> int:
    from tarot_tui.export.adapter import Weighted
    from tarot_tui.export.cost import cost
    from tarot_tui.export.launch import check_quants, default_quant, find_trained, parse_adapter
    from tarot_tui.export.llama_quantize import check
    from tarot_tui.export.summary import preview
    from tarot_tui.jobs.find import resolve

    if args.base:
        _refuse_merge_without_adapter(args)
        base, adapters = _base(args, project), [parse_adapter(text) for text in args.adapters]
    else:
        trained = find_trained(resolve(project, args.run, "train"))
        base, adapters = trained.base, [Weighted(trained.adapter)] if trained.adapter else []
    quants = check_quants(_quants(args)) or ([] if args.merge else [default_quant(base)])
    check(quants, _imatrix(args))
    found = preview(base, adapters, quants, args.merge)
    cores = args.threads or len(os.sched_getaffinity(0))
    takes = cost(found.sizes, found.shapes, cores, project.root)
    if args.json:
        folders = [{"folder": str(one.folder), "weight": one.weight} for one in adapters]
        emit({"base": str(base), "adapters": folders, **found.as_dict(), "cost": takes.as_dict()})
        return 0
    rows = [(group.pattern, str(group.count), group.what, size(group.size)) for group in found.groups]
    say(args, *table(rows, (_("tensors"), _("count"), _("what happens"), _("bytes"))))
    for name, count in found.sizes.items():
        say(args, _("{name}: about {size} to write.").format(name=name, size=size(count)))
    say(
        args,
        _("Disk {disk} of {free} free, memory about {memory}, about {time} with {threads} threads.").format(
            disk=size(takes.disk), free=size(takes.free), memory=size(takes.memory),
            time=duration(takes.seconds), threads=takes.threads,
        ),
    )  # fmt: skip
    return 0


def _launch(args: Namespace, project: Project) -> Path:
    from tarot_tui.export.launch import default_quant, find_trained, launch
    from tarot_tui.jobs.find import resolve

    trained = resolve(project, args.run, "train")
    quants = _quants(args)
    if not quants and not args.merge:
        quants = [default_quant(find_trained(trained).base)]
        say(args, _("No --quant given: {quant} suits the size of this base.").format(quant=quants[0]))
    return launch(
        project, trained, quants, args.merge, args.output,
        replace=args.replace, threads=args.threads, imatrix=_imatrix(args),
    )  # fmt: skip


def _launch_base(args: Namespace, project: Project) -> Path:
    from tarot_tui.export.launch import launch_base, parse_adapter

    _refuse_merge_without_adapter(args)
    adapters = [parse_adapter(text) for text in args.adapters]
    base = _base(args, project)
    called = "" if (project.root / args.base).is_dir() else args.base
    name = args.output or (adapters[0].folder.absolute().name if adapters else Path(called or base).name)
    return launch_base(
        project, base, _quants(args), name, called=called,
        adapters=adapters, merge=args.merge, replace=args.replace, threads=args.threads, imatrix=_imatrix(args),
    )  # fmt: skip


def _imatrix(args: Namespace) -> Path | None:
    return Path(args.imatrix) if args.imatrix else None


def _base(args: Namespace, project: Project) -> Path:
    from tarot_tui.training.base import locate

    return locate(args.base, lambda line: say(args, line), project.root)


def _refuse_merge_without_adapter(args: Namespace) -> None:
    if args.merge and not args.adapters:
        raise BadInput(_("--merge needs an adapter, or there is nothing to merge."))


def _quants(args: Namespace) -> list[str]:
    return args.quant.split(",") if args.quant else []


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
