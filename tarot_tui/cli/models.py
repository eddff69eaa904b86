"""``tarot-tui models list``, ``models get NAME``, ``models rm NAME``: base models on this machine"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from datetime import datetime

from tarot_tui.cli import common
from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.cli.progress import Progress
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="list|get|rm")
    _verb(verbs, "list", _("list the base models on this machine, the largest first"))
    get = _verb(verbs, "get", _("fetch a base model from the Hugging Face hub, as a job"))
    get.add_argument("name", metavar="NAME", help=_("its name on the hub, such as Qwen/Qwen3-8B"))
    get.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))
    remove = _verb(verbs, "rm", _("remove a base model from this machine"))
    remove.add_argument("name", metavar="NAME", help=_("its name on the hub, such as Qwen/Qwen3-8B"))
    remove.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))


def _verb(verbs: argparse._SubParsersAction, name: str, what: str) -> ArgumentParser:  # type: ignore[type-arg]
    # SUPPRESS: an option given before the inner verb must not be reset by its default after it.
    parser = verbs.add_parser(name, help=what, description=what, argument_default=argparse.SUPPRESS)
    common(parser)
    return parser


def run(args: Namespace) -> int:
    """List, fetch or remove."""
    return {"list": _list, "get": _get, "rm": _remove}[args.what](args)


def _list(args: Namespace) -> int:
    """``--json``: one list of name, size (bytes), used (seconds since the epoch), whole, folder."""
    from tarot_tui.hub.cache import cached

    found = cached()
    if args.json:
        emit([vars(one) | {"folder": str(one.folder)} for one in found])
    elif not found:
        say(args, _("No base models are on this machine yet."))
    else:
        rows = [
            (
                one_line(one.name, 60),
                size(one.size),
                f"{datetime.fromtimestamp(one.used):%Y-%m-%d}" if one.used else "–",
                _("whole") if one.whole else _("part of it"),
            )
            for one in found
        ]
        print("\n".join(table(rows, (_("name"), _("size"), _("used"), _("state")))))
        say(args, _("{size} in all").format(size=size(sum(one.size for one in found))))
    return 0


def _get(args: Namespace) -> int:
    """``--json``: job, name, size (bytes), state, reason."""
    from tarot_tui.hub.launch import launch, offer
    from tarot_tui.jobs.follow import closing_words, exit_code, follow

    project = project_of(args)
    wanted = offer(args.name)
    missing = max(0, wanted.size - wanted.here)
    question = _("Fetch {name}: {missing} of {size}, with {free} free?").format(
        name=one_line(wanted.name, 80), missing=size(missing), size=size(wanted.size), free=size(wanted.free)
    )
    if missing and not agreed(args, question):
        say(args, _("Nothing was fetched."))
        return 3
    job = launch(project, wanted)
    say(args, _("Fetching as {job}; it goes on when this terminal is closed.").format(job=job.name))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if args.json:
        emit(
            {
                "job": job.name,
                "name": wanted.name,
                "size": wanted.size,
                "state": ended.state,
                "reason": ended.reason,
            }
        )
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _remove(args: Namespace) -> int:
    """``--json``: removed, freed (bytes)."""
    from tarot_tui.hub.cache import find, remove

    found = find(args.name)
    question = _(
        "Remove {name} ({size}) from this machine? Runs made from it cannot be exported then."
    ).format(name=one_line(found.name, 80), size=size(found.size))
    if not agreed(args, question):
        say(args, _("Nothing was removed."))
        return 3
    freed = remove(found.name)
    if args.json:
        emit({"removed": found.name, "freed": freed})
    say(
        args,
        _("{name} is removed, {size} are free again.").format(
            name=one_line(found.name, 80), size=size(freed)
        ),
    )
    return 0
