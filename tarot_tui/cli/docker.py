"""``tarot-tui docker init [--cuda BUILD] [--replace]``, ``docker check``"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace

from tarot_tui import __version__
from tarot_tui.cli import common
from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="init|check")
    init = _verb(verbs, "init", _("write Dockerfiles and a compose file into the project"))
    init.add_argument(
        "--cuda",
        metavar="BUILD",
        help=_("PyTorch's build, such as cu128 (default: what this machine's driver runs)"),
    )
    init.add_argument("--replace", action="store_true", help=_("write them anew"))
    _verb(verbs, "check", _("whether containers can train here, and see the GPUs"))


def _verb(verbs: argparse._SubParsersAction, name: str, what: str) -> ArgumentParser:  # type: ignore[type-arg]
    parser = verbs.add_parser(name, help=what, description=what)
    common(parser, inner=True)
    return parser


def run(args: Namespace) -> int:
    """Write, or check."""
    return {"init": _init, "check": _check}[args.what](args)


def _init(args: Namespace) -> int:
    """``--json``: folder, files, cuda."""
    from tarot_tui.docker.write import write

    project = project_of(args)
    written = write(project, cuda=args.cuda, replace=args.replace)
    if args.json:
        emit({"folder": str(written.folder), "files": written.files, "cuda": written.cuda})
        return 0
    say(args, *(f"  docker/{name}" for name in written.files))
    say(
        args,
        _("PyTorch in them is built for {cuda}.").format(cuda=written.cuda),
        _("Next, in the project folder:"),
        "  docker compose -f docker/compose.yaml up -d --build",
        "  docker compose -f docker/compose.yaml exec tarot tarot-tui",
    )
    return 0


def _check(args: Namespace) -> int:
    """``--json``: one list of findings. Exit code 1 when one of them is an error."""
    from tarot_tui.docker.check import check

    found = list(check(f"tarot-tui:{__version__}"))
    if args.json:
        emit([finding.as_dict() for finding in found])
    say(args, *findings(found))
    return 1 if any(finding.severity == "error" for finding in found) else 0
