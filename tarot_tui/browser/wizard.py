"""What runs for every open page: ``python -m tarot_tui.browser.wizard``, in the project's folder."""

from __future__ import annotations

import sys
from pathlib import Path

from tarot_tui.cli.wizard import project_in
from tarot_tui.locale import speak


def main() -> int:
    """Walk the steps of the project in the working directory, until the page is closed."""
    from tarot_tui.tui.app import run_wizard

    speak(None)
    project = project_in(Path.cwd())
    if project:
        project.adopt_python()
    return run_wizard(project, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())
