"""A text to paste into an issue: everything the doctor knows, nothing about who or where you are."""

from __future__ import annotations

import getpass
import platform
import re
import socket
from contextlib import suppress
from datetime import date
from pathlib import Path

from tarot_tui import __version__
from tarot_tui.findings import Finding, worst_first
from tarot_tui.text import plain


def report(findings: list[Finding]) -> str:
    """The findings as Markdown, in the language that is spoken, with names, paths and addresses of yours left out."""
    lines = [
        f"tarot-tui {__version__}, {date.today().isoformat()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()} {platform.machine()}",
        "",
        "| | id | finding | evidence |",
        "|---|---|---|---|",
    ]
    for finding in worst_first(findings):
        cells = (finding.severity, finding.id, finding.text, finding.evidence)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return redacted("\n".join(lines)) + "\n"


def _cell(text: str) -> str:
    return plain(text).replace("\n", " ").replace("|", "\\|")


def redacted(text: str) -> str:
    """``text`` without home folder, user, host, addresses on the network, and (as always) tokens."""
    for private, word in _private():
        text = re.sub(rf"(?<![\w.-]){re.escape(private)}(?![\w-])", word, text)
    text = re.sub(r"(?<=://)[^/@\s]+@", "", text)
    text = re.sub(r"\b(?!127\.0\.0\.1\b|0\.0\.0\.0\b)\d{1,3}(?:\.\d{1,3}){3}\b", "<address>", text)
    text = re.sub(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "<e-mail>", text)
    return re.sub(r"(?<=logged in as )\S+|(?<=knows you as )[^\s.]+", "<user>", text)


def _private() -> list[tuple[str, str]]:
    found = [(str(Path.home()), "~"), (str(Path.cwd()), "<folder>")]
    with suppress(OSError, KeyError):
        user = getpass.getuser()
        if user != "root":
            found.append((user, "<user>"))
    for name in {socket.gethostname(), platform.node()}:
        if name and name != "localhost":
            found.append((name, "<host>"))
    # The longest first: a host name may hold the user's.
    return sorted(found, key=lambda one: -len(one[0]))
