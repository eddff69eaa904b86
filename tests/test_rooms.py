"""The rooms depend one way, and the heavy libraries stay out of those that must be light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded by ``code`` in a process of its own."""
    code += "\nimport sys; print('\\n'.join({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_dependencies_between_rooms_point_one_way():
    checker = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([checker, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        (
            "tarot_tui.jobs.supervisor",
            {"textual", "rich", "torch", "transformers", "pandas", "numpy", "pydantic"},
        ),
        (
            "tarot_tui.jobs.snapshot",
            {"textual", "rich", "torch", "transformers", "pandas", "numpy", "pydantic"},
        ),
        ("tarot_tui.data.dataset", {"textual", "torch", "transformers", "pandas", "numpy"}),
        ("tarot_tui.data.synthesis.launch", {"textual", "torch", "transformers", "pandas", "numpy", "httpx"}),
        ("tarot_tui.training.recipe", {"textual", "torch", "transformers", "pandas", "numpy"}),
        ("tarot_tui.export.release", {"textual", "torch", "transformers", "pandas", "numpy"}),
        ("tarot_tui.serving.chat", {"textual", "torch", "transformers", "pandas", "numpy"}),
        ("tarot_tui.tui.app", {"torch", "transformers", "pandas", "numpy", "peft", "openpyxl", "docx"}),
    ],
)
def test_a_light_module_stays_light(module, forbidden):
    assert not modules_after(f"import {module}") & forbidden
