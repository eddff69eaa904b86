"""A fault of ours ends in one sentence and a file, not in a screenful of variables."""

from __future__ import annotations

import os
import subprocess
import sys

FAULTY = """
from tarot_tui.tui.base import TarotApp

class Faulty(TarotApp):
    def on_mount(self):
        secret = "the name of the querent"
        raise RuntimeError("the moon is in the way")

app = Faulty()
app.run(headless=True)
raise SystemExit(app.return_code)
"""


def test_a_fault_is_one_sentence_and_its_traceback_a_file(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", FAULTY], env=environment, capture_output=True, text=True, timeout=60
    )
    log = (tmp_path / "tarot-tui" / "crash.log").read_text("utf-8")
    assert done.returncode == 1
    assert "the moon is in the way" in log and "on_mount" in log
    assert "the moon is in the way" in done.stderr and "crash.log" in done.stderr.replace("\n", "")
    assert "querent" not in done.stderr + log and "Traceback" not in done.stderr


def test_a_fault_in_a_project_leaves_its_traceback_there(project):
    script = FAULTY.replace("app = Faulty()", "app = Faulty()\napp.project = find(Path.cwd())")
    script = "from pathlib import Path\nfrom tarot_tui.project import find\n" + script
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "the moon is in the way" in (project.root / ".tarot" / "crash.log").read_text("utf-8")
