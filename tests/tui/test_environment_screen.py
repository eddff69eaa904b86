"""The Environment step mends what packages can mend: it asks, runs a job, and checks again."""

from __future__ import annotations

import sys

import pytest

from tarot_tui.doctor import mend
from tarot_tui.doctor.mend import Fix
from tarot_tui.findings import Finding
from tarot_tui.jobs.find import all_jobs
from tarot_tui.tui.app import WizardApp

MISSING = Finding("packages.train.missing", "error", "Training needs peft.", fix="pip install peft")
THERE = Finding("packages.train", "ok", "Training has its packages.")


@pytest.fixture
def broken(project, monkeypatch):
    """A project on a machine where something is missing until a fix has left its mark."""
    mark = project.root / "mended"
    project.remember("step", "environment")

    def run(on_finding=None, **_options):
        found = [THERE if mark.exists() else MISSING]
        for finding in found:
            on_finding(finding)
        return found

    monkeypatch.setattr("tarot_tui.doctor.run.run", run)
    # The command is harmless; that a real pip repairs a real environment is tested with the doctor.
    argv = (sys.executable, "-c", f"import pathlib; print('installing'); pathlib.Path({str(mark)!r}).touch()")
    monkeypatch.setattr(
        mend, "fixable", lambda found: [Fix(("a",), "peft", argv)] if MISSING in found else []
    )
    return project


async def test_what_is_broken_is_mended_after_a_question_and_checked_again(broken, until):
    async with WizardApp(broken).run_test(size=(100, 30)) as pilot:
        await until(pilot, "Mend it…")
        await pilot.press("f")
        await until(pilot, "Install these into")
        await pilot.press("n")
        await pilot.pause()
        assert all_jobs(broken) == []
        await pilot.press("f")
        await until(pilot, "Install these into")
        await pilot.press("y")
        await until(pilot, "Training has its packages.")
    (job,) = all_jobs(broken, "install")
    assert "installing" in (job / "log.txt").read_text()


async def test_the_systems_python_is_not_touched(broken, until, monkeypatch):
    monkeypatch.setattr("tarot_tui.doctor.fixes.is_system_python", lambda: True)
    async with WizardApp(broken).run_test(size=(100, 30)) as pilot:
        await until(pilot, "Mend it…")
        await pilot.press("f")
        await until(pilot, "tarot-tui setup")
    assert all_jobs(broken) == []


async def test_with_nothing_to_mend_the_key_says_so(broken, until):
    (broken.root / "mended").touch()
    async with WizardApp(broken).run_test(size=(100, 30)) as pilot:
        await until(pilot, "This machine can train")
        await pilot.press("f")
        await until(pilot, "Nothing here can be mended")
