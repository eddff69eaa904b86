"""The wizard on the example, with nothing of this machine in it: ``python pictured_app.py PROJECT``.

What a run of it shows is compared with the pictures in ``__text__``.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

from tarot_tui.findings import Finding

FOUND = [
    Finding("gpu", "error", "PyTorch sees no GPU.", fix="pip install torch"),
    Finding("disk", "warning", "Little room is left on the disk."),
    Finding("python", "ok", "Python 3.11."),
]


def main(folder: str) -> int:
    """Run it; returns the exit code."""
    from tarot_tui.locale import speak
    from tarot_tui.project import find
    from tarot_tui.tui.app import run_wizard
    from tarot_tui.tui.widgets.plan_view import PlanView

    speak(None)
    checks = types.SimpleNamespace(run=lambda on_finding: [on_finding(one) for one in FOUND] and FOUND)
    sys.modules["tarot_tui.doctor.run"] = checks
    # A plan tells memory, disk and times of the machine.
    PlanView.compute = lambda *_arguments, **_more: None
    return run_wizard(find(Path(folder)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
