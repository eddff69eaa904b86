"""``tarot-tui publish NAME --to hub:OWNER/NAME | DIR | REMOTE:PATH | open-webui``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.cli.progress import Progress
from tarot_tui.locale import _
from tarot_tui.text import one_line, size

if TYPE_CHECKING:
    from tarot_tui.project import Project
    from tarot_tui.publish.launch import Offer

_OPEN_WEBUI = "open-webui"


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("name", metavar="NAME", help=_("a model of this project, or a run"))
    parser.add_argument(
        "--to",
        required=True,
        metavar="PLACE",
        help=_("hub:OWNER/NAME, a folder, a remote of rclone (gdrive:models), or open-webui for a note"),
    )
    parser.add_argument(
        "--what",
        choices=("gguf", "merged", "adapter"),
        help=_("what of it (default: the first of these that there is)"),
    )
    parser.add_argument("--public", action="store_true", help=_("let everybody read it (default: private)"))
    parser.add_argument("--replace", action="store_true", help=_("write over files of that name in a folder"))
    parser.add_argument("--dry-run", action="store_true", help=_("say what would be sent, and end"))
    parser.add_argument("-y", "--yes", action="store_true", help=_("do not ask"))


def run(args: Namespace) -> int:
    """Say what goes where, ask, send it as a job, follow.

    ``--json``: name, what, to, public, files (name, bytes), findings; after sending also job, state, reason, address.
    """
    project = project_of(args)
    if args.to == _OPEN_WEBUI:
        return _note(args, project)
    from tarot_tui.publish.launch import offer

    wanted = offer(project, args.name, args.to, kind=args.what, public=args.public, replace=args.replace)
    _tell(args, wanted)
    if args.dry_run:
        if args.json:
            emit(_facts(wanted))
        return 0
    question = (
        _("Send it to {place}, where everybody can read it?")
        if wanted.public and wanted.target.kind == "hub"
        else _("Send it to {place}?")
    )
    if wanted.target.kind != "folder" and not agreed(args, question.format(place=wanted.target.label)):
        say(args, _("Nothing was sent."))
        return 3
    return _send(args, project, wanted)


def _send(args: Namespace, project: Project, wanted: Offer) -> int:
    from tarot_tui.jobs.files import RESULT, read_json
    from tarot_tui.jobs.follow import closing_words, exit_code, follow
    from tarot_tui.publish.launch import launch

    job = launch(project, wanted)
    say(args, _("Publishing as {job}; it goes on when this terminal is closed.").format(job=job.name))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    address = read_json(job / RESULT).get("address") if ended.state == "finished" else None
    if args.json:
        emit(
            _facts(wanted)
            | {"job": job.name, "state": ended.state, "reason": ended.reason, "address": address}
        )
    elif address:
        say(args, _("Published: {address}").format(address=one_line(str(address), 200)), *_next(wanted))
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _next(wanted: Offer) -> list[str]:
    if wanted.target.kind == "hub" and wanted.kind == "gguf":
        command = f"ollama run hf.co/{wanted.target.place}"
        return [_("Anywhere: '{command}' runs it as it was trained.").format(command=command)]
    return []


def _tell(args: Namespace, wanted: Offer) -> None:
    who = _("everybody can read it") if wanted.public else _("private")
    title = _("{name} ({what}) → {place}").format(
        name=wanted.name, what=wanted.kind, place=one_line(wanted.target.label, 200)
    )
    say(args, f"{title}, {who}" if wanted.target.kind == "hub" else title)
    for name, bytes_ in wanted.files:
        say(args, f"  {size(bytes_):>9}  {one_line(name, 100)}")
    say(args, f"  {size(wanted.size):>9}  " + _("in all"), *findings(wanted.findings))


def _facts(wanted: Offer) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "what": wanted.kind,
        "to": wanted.target.label,
        "public": wanted.public,
        "files": [{"name": name, "bytes": bytes_} for name, bytes_ in wanted.files],
        "findings": [finding.as_dict() for finding in wanted.findings],
    }


def _note(args: Namespace, project: Project) -> int:
    """``--json``: note."""
    from tarot_tui.export.release import read_release
    from tarot_tui.ollama_host import ollama_url
    from tarot_tui.publish.open_webui import note

    release = read_release(project, args.name)
    lines = note(release.name, ollama_url(), release.system)
    if args.json:
        emit({"note": "\n".join(lines)})
    else:
        print("\n".join(lines))
    return 0
