"""The doctor says whether what is started from this login outlives it."""

from __future__ import annotations

from tarot_tui.doctor import session
from tarot_tui.jobs import reapers


def test_a_login_that_ends_its_jobs_is_told_so_with_a_command(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    found = {one.id: one for one in session.check()}
    assert found["session.batch"].severity == "warning"
    assert "4711" in found["session.batch"].evidence and found["session.batch"].fix


def test_a_login_that_ends_nothing_is_fine(monkeypatch):
    monkeypatch.setattr(reapers, "findings", list)
    assert [(one.id, one.severity) for one in session.check()] == [("session", "ok")]
