"""The login: whether what is started from it may outlive it."""

from __future__ import annotations

from collections.abc import Iterator

from tarot_tui.findings import Finding
from tarot_tui.jobs import reapers
from tarot_tui.locale import _


def check() -> Iterator[Finding]:
    """What would end a training that is started from here, with the way around it."""
    found = reapers.findings()
    yield from found
    if not found:
        yield Finding("session", "ok", _("Jobs that are started here outlive this login."))
