"""``tarot-tui engines list``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from tarot_tui.cli.output import emit, say, table
from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.text import plain


def arguments(parser: ArgumentParser) -> None:
    """No options of its own."""


def run(args: Namespace) -> int:
    """``--json``: one list of name, version, python, ready, reason (why not)."""
    found = [_native(), _llamafactory()]
    if args.json:
        emit(found)
        return 0
    rows = [(one["name"], one["version"] or "–", one["reason"] or one["python"]) for one in found]
    for line in table(rows, (_("engine"), _("version"), _("where"))):
        print(plain(line))
    if not found[1]["ready"]:
        say(args, "  tarot-tui engines install llamafactory")
    return 0


def _native() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    from tarot_tui.project import worker_python

    try:
        missing, found = "", version("transformers")
    except PackageNotFoundError:
        missing, found = _("transformers is missing: pip install 'tarot-tui[train]'"), ""
    return _entry("native", f"transformers {found}" if found else "", worker_python(), missing)


def _llamafactory() -> dict[str, Any]:
    from tarot_tui.training.engines.llamafactory import environments

    python = environments.chosen()
    try:
        found = environments.current()
    except TarotError as error:
        return _entry(environments.NAME, "", str(python or ""), str(error))
    return _entry(environments.NAME, found.version, str(found.python), "")


def _entry(name: str, version: str, python: str, reason: str) -> dict[str, Any]:
    return {"name": name, "version": version, "python": python, "ready": not reason, "reason": reason}
