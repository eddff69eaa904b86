"""``tarot-tui engines install [llamafactory] [--version X] [--python P] [--torch-index URL] [--wheelhouse DIR] [--dry-run]``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.engines.which import engine_argument
from tarot_tui.cli.output import emit, project_if_any, say
from tarot_tui.cli.progress import Progress
from tarot_tui.locale import _
from tarot_tui.text import size

if TYPE_CHECKING:
    from tarot_tui.setup.commands import Command
    from tarot_tui.training.engines.llamafactory.install import Wanted


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    engine_argument(parser)
    parser.add_argument("--version", default=None, metavar="X", help=_("its version (default: 0.9.5)"))
    parser.add_argument(
        "--python", default=None, metavar="P", help=_("the Python to make it with (default: this one)")
    )
    parser.add_argument(
        "--torch-index",
        default=None,
        metavar="URL",
        help=_("where PyTorch comes from; 'default': pip's own index (default: what fits the driver)"),
    )
    parser.add_argument(
        "--wheelhouse",
        type=Path,
        default=None,
        metavar="DIR",
        help=_("install from this folder of wheels, offline"),
    )
    parser.add_argument(
        "--dry-run", action="store_true", default=False, help=_("print the commands and run none")
    )
    parser.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))


def run(args: Namespace) -> int:
    """Say what will be done, ask, do it as a job, follow.

    ``--json``: folder, python, version, bytes, commands (name, title, argv); when it was run also job, state, reason.
    """
    from tarot_tui.training.engines.llamafactory.install import VERSION, commands, wanted

    found = wanted(args.version or VERSION, args.python, index=args.torch_index, wheelhouse=args.wheelhouse)
    steps = commands(found)
    say(
        args,
        _("LLaMA-Factory {version} in {folder}, about {size}:").format(
            version=found.version, folder=found.folder, size=size(found.bytes)
        ),
    )
    for step in steps:
        say(args, f"  {step.title}", f"    {shlex.join(step.argv)}")
    if args.dry_run:
        if args.json:
            emit(_facts(found, steps))
        return 0
    if not agreed(args, _("Make it?")):
        say(args, _("Nothing was installed."))
        return 3
    return _install(args, found, steps)


def _install(args: Namespace, found: Wanted, steps: list[Command]) -> int:
    from tarot_tui.jobs.follow import closing_words, exit_code, follow
    from tarot_tui.setup.launch import launch

    found.folder.parent.mkdir(parents=True, exist_ok=True)
    job = launch(
        project_if_any(args),
        "engine",
        _("install LLaMA-Factory {version}").format(version=found.version),
        steps,
    )
    say(args, _("Installing as {job}; it goes on when this terminal is closed.").format(job=job))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if args.json:
        emit(_facts(found, steps) | {"job": str(job), "state": ended.state, "reason": ended.reason})
    elif ended.state == "finished":
        say(args, _("LLaMA-Factory is ready: tarot-tui train RECIPE --engine llamafactory"))
    else:
        say(args, closing_words(job, ended))
    return exit_code(ended)


def _facts(found: Wanted, steps: list[Command]) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "python": found.interpreter,
        "version": found.version,
        "bytes": found.bytes,
        "commands": [step.as_dict() for step in steps],
    }
