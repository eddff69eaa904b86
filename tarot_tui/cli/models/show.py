"""``tarot-tui models show NAME``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.models.search import billions
from tarot_tui.cli.output import emit, findings
from tarot_tui.findings import has_errors
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line, plain, size

#: Where a system prompt goes → what that is called.
SYSTEM = {
    "first": N_("yes, before the first question"),
    "last": N_("yes, in the last question"),
    "ignored": N_("no, it is left out"),
    "unsupported": N_("no, it is refused"),
    None: N_("unknown"),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("name", metavar="NAME", help=_("a name on the hub, or a folder"))


def run(args: Namespace) -> int:
    """Exit code 3 when something stands in the way of training it.

    ``--json``: name, parameters, size (bytes of its weights), license, gated, here, architecture, context (tokens),
    system (``first``, ``last``, ``ignored``, ``unsupported`` or null), findings.
    """
    from tarot_tui.hub.about import about

    found = about(args.name, Path(args.project) if args.project else None)
    if args.json:
        emit(found.as_dict())
    else:
        where = (
            _("on this machine") if found.here else _("on the hub, gated") if found.gated else _("on the hub")
        )
        lines = [
            _("{name}: {parameters} parameters, {size}, {where}").format(
                name=one_line(found.name, 80),
                parameters=billions(found.parameters),
                size=size(found.size) if found.size else "–",
                where=where,
            ),
            _("licence: {license}").format(license=found.license or _("unknown")),
            _("architecture: {name}, texts of up to {count} tokens").format(
                name=found.architecture, count=found.context or "?"
            ),
            _("takes a system prompt: {how}").format(how=_(SYSTEM[found.system])),
            *findings(found.findings),
        ]
        if not found.findings:
            lines.append(_("It can be trained, become a GGUF, and be served as it was trained."))
        print("\n".join(map(plain, lines)))
    return 3 if has_errors(found.findings) else 0
