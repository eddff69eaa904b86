"""``tarot-tui data fetch OWNER/NAME [--config C] [--split S] [--register NAME --format F]``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import size

_FORMATS = ("alpaca", "sharegpt", "openai")


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="OWNER/NAME", help=_("a dataset on the Hugging Face hub"))
    parser.add_argument("--config", default=None, help=_("which of its configurations"))
    parser.add_argument("--split", default="train", help=_("which of its splits (default: train)"))
    parser.add_argument(
        "--revision", default=None, help=_("a branch, tag or commit (default: the newest commit)")
    )
    parser.add_argument(
        "--register",
        default=None,
        metavar="DATASET",
        help=_("download nothing, only register it for LLaMA-Factory under this name"),
    )
    parser.add_argument(
        "--format", default=None, choices=_FORMATS, help=_("with --register: how its samples are written")
    )


def run(args: Namespace) -> int:
    """``--json``: name, commit, files (paths in the project), bytes, kind (``rows`` or ``samples``).

    With ``--register``: name, dataset.
    """
    from tarot_tui.data import sources
    from tarot_tui.data.sources import hub

    project = project_of(args)
    if (args.register is None) != (args.format is None):
        raise BadInput(_("--register and --format belong together."))
    if args.register:
        from tarot_tui.data.build import check_name

        check_name(project, args.register)
        hub.register(project, args.register, args.name, args.format, config=args.config, split=args.split)
        if args.json:
            emit({"name": args.name, "dataset": args.register})
        say(args, _("Registered {name} as {dataset}.").format(name=args.name, dataset=args.register))
        return 0
    choice = hub.choose(args.name, config=args.config, split=args.split, revision=args.revision)
    paths = hub.fetch(project, choice, lambda line: say(args, line))
    kind = sources.kind(paths[0])
    folder = project.relative(project.sources / "hub" / choice.name.replace("/", "--"))
    if args.json:
        files = [project.relative(path) for path in paths]
        emit(
            {
                "name": choice.name,
                "commit": choice.commit,
                "files": files,
                "bytes": choice.size,
                "kind": kind,
            }
        )
        return 0
    say(
        args,
        _("{count} files, {size}, in {folder}").format(
            count=len(paths), size=size(choice.size), folder=folder
        ),
    )
    name = choice.name.split("/")[1]
    command = f"tarot-tui data build {shlex.quote(folder)} -o {shlex.quote(name)}"
    say(args, _("next: {command}").format(command=command))
    return 0
