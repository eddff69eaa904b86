"""``tarot-tui ollama import NAME [--as NAME] [--quant Q] [--replace] [--detach]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.cli.progress import Progress
from tarot_tui.findings import Finding
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model of this project"))
    parser.add_argument(
        "--as", dest="there", default=None, metavar="NAME", help=_("its name in Ollama (default: the same)")
    )
    parser.add_argument(
        "--quant", default=None, metavar="TYPE", help=_("which quantisation (default: the first)")
    )
    parser.add_argument(
        "--replace", action="store_true", default=False, help=_("replace a model of that name")
    )
    parser.add_argument("--detach", action="store_true", default=False, help=_("start it and return at once"))


def run(args: Namespace) -> int:
    """Start the import, follow it, and say what was proven.

    ``--json``: job, state, reason, and when it is finished name, url, version, findings.
    """
    from tarot_tui.jobs.files import RESULT, read_json
    from tarot_tui.jobs.follow import closing_words, exit_code, follow
    from tarot_tui.serving.launch import launch

    project = project_of(args)
    job, room = launch(project, args.name, args.there, quant=args.quant, replace=args.replace, host=args.host)
    say(args, _("Importing as {job}; it goes on when this terminal is closed.").format(job=job.name), room)
    if args.detach:
        if args.json:
            emit({"job": job.name, "state": "running", "reason": ""})
        return 0
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if args.json:
        facts = read_json(job / RESULT) if ended.state == "finished" else {}
        emit({"job": job.name, "state": ended.state, "reason": ended.reason, **_proven(facts)})
    elif ended.state == "finished":
        _tell(args, _proven(read_json(job / RESULT)))
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _proven(result: dict[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in ("name", "url", "version", "findings") if key in result}


def _tell(args: Namespace, done: dict[str, Any]) -> None:
    say(
        args,
        _("'{name}' is in Ollama {version} at {url}.").format(
            name=done["name"], version=done["version"], url=done["url"]
        ),
        *findings([Finding(**one) for one in done["findings"]]),
        _("Next: 'ollama run {name}', or 'tarot-tui chat {name}'.").format(
            name=done["name"].removesuffix(":latest")
        ),
    )
