"""``tarot-tui template MODEL_DIR``: the verified Go template of a model, and how it treats what it is given"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, findings, say
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import N_, _
from tarot_tui.text import plain

if TYPE_CHECKING:
    from tarot_tui.export.template import TemplateReport

#: Where a system prompt goes → what that is called.
_MODES = {
    "first": N_("before the first question"),
    "last": N_("in the last question"),
    "ignored": N_("left out"),
    "unsupported": N_("refused"),
    None: N_("unknown"),
}
_BOS = {"runtime": N_("the runtime"), "template": N_("the template"), "nobody": N_("nobody")}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "model", metavar="MODEL_DIR", type=Path, help=_("a model's folder, or its tokenizer's")
    )


def run(args: Namespace) -> int:
    """Say how the template treats a conversation, and print it; with ``--quiet`` it alone.

    ``--json``: template, system_mode, stops, trimmed, thoughts, bos, thinking, ollama (the oldest version that serves the model
    as it was trained), reason, findings. Exit code 3 where there is no exact template; the reason says why.
    """
    from tarot_tui.export.template import template_of
    from tarot_tui.export.tokenizer_files import is_one

    if not args.model.is_dir() or not any(is_one(path.name) for path in args.model.iterdir()):
        raise BadInput(
            _(
                "{folder} is no folder of a model or a tokenizer: name the one with tokenizer.json in it."
            ).format(folder=args.model)
        )
    report = template_of(args.model)
    if args.json:
        found = [finding.as_dict() for finding in report.findings]
        emit({"model": str(args.model), **report.as_dict(), "findings": found})
        return 0 if report.template is not None else 3
    say(args, *_facts(report), *findings(report.findings))
    if report.template is None:
        raise Refused(report.reason)
    say(args, "")
    # Whoever redirects it wants it as it is; a terminal gets no control characters of a stranger.
    print(plain(report.template) if sys.stdout.isatty() else report.template)
    return 0


def _facts(report: TemplateReport) -> list[str]:
    stops = " ".join(report.stops) or _("nothing")
    lines = [
        _("system prompt: {mode}").format(mode=_(_MODES[report.system_mode])),
        _("an answer ends with: {stops}").format(stops=stops),
        _("the BOS token comes from: {who}").format(who=_(_BOS[report.bos])),
    ]
    if report.ollama:
        lines.append(_("needs Ollama {version} or newer").format(version=report.ollama))
    return lines
