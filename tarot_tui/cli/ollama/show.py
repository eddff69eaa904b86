"""``tarot-tui ollama show NAME``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from tarot_tui.cli.output import emit
from tarot_tui.locale import _
from tarot_tui.text import plain

_DETAILS = ("family", "parameter_size", "quantization_level")


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model in Ollama"))


def run(args: Namespace) -> int:
    """``--json``: name, details, capabilities, parameters, system, template, as the server says them."""
    from tarot_tui.serving.ollama import Ollama, full_name

    name = full_name(args.name)
    with Ollama(args.host) as ollama:
        shown = ollama.show(name)
    found = {
        "name": name,
        "details": shown.get("details") or {},
        "capabilities": shown.get("capabilities") or [],
        "parameters": shown.get("parameters") or "",
        "system": shown.get("system") or "",
        "template": shown.get("template") or "",
    }
    if args.json:
        emit(found)
    else:
        print(plain("\n".join(_lines(found))))
    return 0


def _lines(found: dict[str, Any]) -> list[str]:
    details = [str(found["details"][key]) for key in _DETAILS if found["details"].get(key)]
    lines = ["  ".join([found["name"], *details])]
    if found["capabilities"]:
        lines.append(_("can: {what}").format(what=", ".join(map(str, found["capabilities"]))))
    for title, text in (
        (_("system prompt"), found["system"]),
        (_("parameters"), found["parameters"]),
        (_("template"), found["template"]),
    ):
        lines += ["", f"{title}:", *("  " + line for line in str(text).splitlines() or [_("none")])]
    return lines
