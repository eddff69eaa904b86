"""The process of one probe: ``python -m tarot_tui.doctor.child NAME`` writes JSON lines to its standard output.

``{"check": name}`` when a check begins, so that a crash can be blamed on the right one, then each finding as an
object the moment it is known: what was found before a crash is kept.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TextIO

from tarot_tui.doctor.probes import Check, Probe, named
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Seconds by which the child outlives its limit if nobody ends it.
_GRACE = 5


def main(name: str) -> None:
    """Run the probe ``name``."""
    probe = named(name)
    out = _own_stdout()
    # Nobody ends us when the caller itself has died; the signal works even inside a library that hangs.
    signal.setitimer(signal.ITIMER_REAL, probe.seconds + _GRACE)
    run(probe, lambda line: print(json.dumps(line), file=out, flush=True))
    # All is said: how long the libraries take to tidy up, or whether they crash over it, says nothing.
    os._exit(0)


def run(probe: Probe, write: Callable[[dict[str, Any]], None]) -> None:
    """Run the checks of ``probe`` in order and write the lines described above."""
    for check in probe.checks:
        write({"check": check.name})
        for finding in answers(check):
            write(finding.as_dict())


def answers(check: Check) -> Iterator[Finding]:
    """The findings of ``check``; a check that raises is a finding too."""
    module, _colon, function = check.function.partition(":")
    try:
        yield from getattr(import_module(f"tarot_tui.doctor.{module}"), function)()
    except Exception as error:
        yield Finding(
            f"{check.name}.failed",
            "error" if check.required else "warning",
            _("The check of {name} failed: {reason}.").format(
                name=check.name, reason=one_line(f"{type(error).__name__}: {error}", 120).rstrip(".")
            ),
            evidence=one_line(repr(error), 500),
        )


def _own_stdout() -> TextIO:
    """Standard output for us alone: what libraries print, in Python or in C, goes to standard error."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ours


if __name__ == "__main__":
    main(sys.argv[1])
