"""``tarot-tui alerts [test]``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import Refused
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.jobs.alerts import Alerts

_EXAMPLE = """alerts:
  on: [finished, failed, nan, stalled, disk]
  command: [notify-send, tarot-tui]
  ntfy: https://ntfy.sh/my-topic
  webhook: https://example.org/hook
  bell: true
  stalled_after: 10
  disk_below: 2"""


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "what", nargs="?", choices=["show", "test"], default="show", help=_("test: send one now")
    )


def run(args: Namespace) -> int:
    """Say what is told and where, or send a test; ``--json``: the settings, or why each channel failed ("" if not)."""
    from tarot_tui.jobs import alerts

    project = project_of(args)
    found = alerts.read(project)
    if args.what == "test":
        return _test(args, project.root, found)
    if args.json:
        emit(asdict(found))
    elif not found.on:
        say(
            args,
            _("Nobody is told anything. To be told, add this to tarot.yaml, or a part of it:"),
            "",
            _EXAMPLE,
        )
    else:
        say(args, *_lines(found))
    return 0


def _lines(found: Alerts) -> list[str]:
    from tarot_tui.jobs.alert_sender import address
    from tarot_tui.jobs.alerts import is_trusted

    lines = [_("told: {kinds}").format(kinds=", ".join(found.on))]
    if found.command:
        lines.append(_("command: {command}").format(command=shlex.join(found.command)))
    for name in ("ntfy", "webhook"):
        if url := getattr(found, name):
            lines.append(f"{name}: {address(url)}")
    if found.bell:
        lines.append(_("the terminal rings while you watch"))
    if not found.silent and not is_trusted(found):
        lines.append(_("Nothing is sent yet: 'tarot-tui alerts test' sends one, and lets runs send theirs."))
    return lines


def _test(args: Namespace, root: Path, found: Alerts) -> int:
    from tarot_tui.jobs.alert_sender import deliver
    from tarot_tui.jobs.alerts import Alert, trust

    if found.silent:
        raise Refused(_("There is nowhere to send it: set command, ntfy or webhook; see 'tarot-tui alerts'."))
    say(args, *_lines(found))
    trust(found)
    outcome = deliver(found, Alert("test", _("This is a test of tarot-tui."), "test", str(root)))
    for channel, problem in outcome.items():
        say(args, f"{channel}: " + (problem or _("sent")))
    if args.json:
        emit(outcome)
    return 1 if any(outcome.values()) else 0
