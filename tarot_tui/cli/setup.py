"""``tarot-tui setup [DIR] [--extras …] [--wheelhouse DIR] [--dry-run]``, ``setup --bundle DIR``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, project_if_any, project_of, say
from tarot_tui.cli.progress import Progress
from tarot_tui.locale import _
from tarot_tui.setup.commands import EXTRAS
from tarot_tui.text import size

if TYPE_CHECKING:
    from tarot_tui.setup.commands import Command, Wanted


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "dir",
        nargs="?",
        type=Path,
        default=Path(".venv"),
        metavar="DIR",
        help=_("where (default: .venv here)"),
    )
    parser.add_argument(
        "--extras",
        default=",".join(EXTRAS),
        metavar="NAMES",
        help=_("what it is for: {known}; '' for the screens alone (default: all)").format(
            known=", ".join(EXTRAS)
        ),
    )
    parser.add_argument(
        "--torch-index",
        metavar="URL",
        help=_("where PyTorch comes from; 'default': pip's own index (default: what fits the driver)"),
    )
    parser.add_argument("--wheelhouse", type=Path, metavar="DIR", help=_("install from this folder, offline"))
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", help=_("make such a folder, for a machine without a network")
    )
    parser.add_argument(
        "--use", action="store_true", help=_("let this project's work run in it from now on (tarot.yaml)")
    )
    parser.add_argument("--dry-run", action="store_true", help=_("print the commands and run none"))
    parser.add_argument("-y", "--yes", action="store_true", help=_("do not ask"))


def run(args: Namespace) -> int:
    """Say what will be done, ask, do it as a job, follow.

    ``--json``: folder, python, bytes, commands (name, title, argv); when it was run also job, state, reason.
    """
    from tarot_tui import wheels
    from tarot_tui.setup.commands import check_place, commands, wanted

    extras = [extra.strip() for extra in args.extras.split(",") if extra.strip()]
    found = wanted(args.dir, extras, index=args.torch_index, wheelhouse=args.wheelhouse)
    if args.bundle:
        return _bundle(args, found)
    check_place(found)
    ourselves = None if args.wheelhouse else wheels.of_ourselves(_kept())
    steps = commands(found, ourselves)
    _tell(args, found, steps)
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
    from tarot_tui.setup.commands import activate
    from tarot_tui.setup.launch import launch

    project = project_of(args) if args.use else project_if_any(args)
    job = launch(project, "setup", _("make the environment {folder}").format(folder=found.folder), steps)
    say(args, _("Installing as {job}; it goes on when this terminal is closed.").format(job=job))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if ended.state == "finished" and args.use and project:
        project.use_python(Path(found.python))
    if args.json:
        emit(_facts(found, steps) | {"job": str(job), "state": ended.state, "reason": ended.reason})
    elif ended.state == "finished":
        say(args, _("The environment is ready: {command}").format(command=activate(found)))
    else:
        say(args, closing_words(job, ended))
    return exit_code(ended)


def _kept() -> Path:
    """Where our wheel lies: the job may need it again long after this command."""
    from tarot_tui.project import cache_dir

    folder = cache_dir() / "wheels"
    folder.mkdir(exist_ok=True)
    return folder


def _tell(args: Namespace, found: Wanted, steps: list[Command]) -> None:
    say(
        args,
        _("An environment in {folder}, about {size}:").format(folder=found.folder, size=size(found.bytes)),
    )
    for step in steps:
        say(args, f"  {step.title}", f"    {shlex.join(step.argv)}")


def _facts(found: Wanted, steps: list[Command]) -> dict[str, object]:
    return {
        "folder": str(found.folder),
        "python": found.python,
        "bytes": found.bytes,
        "commands": [step.as_dict() for step in steps],
    }


def _bundle(args: Namespace, found: Wanted) -> int:
    """``--json``: folder, files, bytes."""
    from tarot_tui.setup.bundle import SCRIPT, bundle

    say(
        args,
        _("Fetching wheels for this Python and this kind of machine into {folder} …").format(
            folder=args.bundle
        ),
    )
    files = bundle(found, args.bundle)
    total = sum(path.stat().st_size for path in files)
    if args.json:
        emit({"folder": str(args.bundle), "files": [path.name for path in files], "bytes": total})
    say(
        args,
        _(
            "{count} files, {size}. Copy the folder to the other machine, and run there: sh {script} DIR"
        ).format(count=len(files), size=size(total), script=f"{args.bundle.name}/{SCRIPT}"),
    )
    return 0
