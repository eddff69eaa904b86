"""What commands print: JSON for scripts, plain aligned text for people."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import Any

from tarot_tui import personal
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, worst_first
from tarot_tui.locale import N_, _, speak
from tarot_tui.project import Project, find
from tarot_tui.text import plain

#: severity → the word in front of the sentence: it alone says it, without any colour.
_MARKS = {"ok": N_("OK"), "info": N_("info"), "warning": N_("WARN"), "error": N_("FAIL")}


def project_of(args: Namespace) -> Project:
    """The project that the command is about: ``--project``, or the one around the working directory."""
    project = find(args.project)
    adopt(args, project)
    return project


def project_if_any(args: Namespace) -> Project | None:
    """The same; None where there is none around and none was named."""
    try:
        return project_of(args)
    except BadInput:
        if args.project:
            raise
        return None


def adopt(args: Namespace, project: Project) -> None:
    """Take over what ``tarot.yaml`` says: the language, unless the user chose one, and the Python."""
    language = project.settings().get("language")
    if language and not args.lang and not personal.recall("language"):
        speak(str(language))
    project.adopt_python()


def say(args: Namespace, *lines: str) -> None:
    """Print lines for people; silent under ``--quiet`` and ``--json``."""
    if not (args.quiet or args.json):
        for line in lines:
            print(plain(line))
        sys.stdout.flush()


def emit(value: Any) -> None:
    """Print one JSON document on one line (UTF-8, as it is)."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> list[str]:
    """Rows as aligned lines, wide characters counted as two cells."""
    from rich.cells import cell_len

    cells = [list(header), *([plain(str(cell)).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(header))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def findings(found: list[Finding]) -> list[str]:
    """Findings as lines, worst first: mark, sentence, and the fix on a line of its own."""
    from rich.cells import set_cell_size

    lines = []
    for finding in worst_first(found):
        lines.append(f"{set_cell_size(_(_MARKS[finding.severity]), 4)}  {finding.text}")
        if finding.fix:
            lines.append("      " + _("fix: {fix}").format(fix=finding.fix))
    return lines
