"""Who would end a job all the same is known before it is started, from the files of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tarot_tui.jobs.reapers import findings

SHELL = "/user.slice/user-54321.slice/session-7.scope"
SERVICE = "/user.slice/user-54321.slice/user@54321.service/app.slice/app-code.scope"


@pytest.fixture
def machine(tmp_path: Path):
    """A machine's files: where systemd put us, logind's settings, who lingers, and whether pid 1 has a terminal."""

    def make(unit: str = "", logind: str = "", *, lingers: bool = False, terminal: int = 0) -> Path:
        _write(tmp_path / "proc/self/cgroup", f"0::{unit or '/'}\n")
        _write(tmp_path / "proc/1/stat", f"1 (my ) shell) S 0 1 1 {terminal} 1 4194560\n")
        if logind:
            _write(tmp_path / "etc/systemd/logind.conf", f"[Login]\n{logind}\n")
        if lingers:
            _write(tmp_path / "var/lib/systemd/linger/54321", "")
        return tmp_path

    return make


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _found(root: Path, environ=None, **keys) -> dict[str, str]:
    return {
        one.id: one.fix for one in findings("tarot-tui train deck", root=root, environ=environ or {}, **keys)
    }


def test_a_quiet_machine_has_nothing_to_say(machine):
    assert _found(machine()) == {}
    assert _found(machine(SHELL, "KillUserProcesses=no")) == {}
    assert _found(machine(SHELL, "#KillUserProcesses=no")) == {}


def test_where_logind_ends_whole_logins_the_fix_starts_it_outside_of_them(machine):
    fix = "systemd-run --user --scope tarot-tui train deck"
    root = machine(SHELL, "KillUserProcesses=yes")
    assert _found(root) == {"session.kill_user_processes": f"loginctl enable-linger && {fix}"}
    root = machine(SHELL, "KillUserProcesses=yes", lingers=True)
    assert _found(root) == {"session.kill_user_processes": fix}


def test_what_was_compiled_into_logind_is_read_from_its_comments_and_drop_ins_override(machine):
    root = machine(SHELL, "#KillUserProcesses=yes")
    assert "session.kill_user_processes" in _found(root)
    _write(root / "usr/lib/systemd/logind.conf.d/50-keep.conf", "[Login]\nKillUserProcesses=no\n")
    assert _found(root) == {}
    _write(root / "etc/systemd/logind.conf.d/50-keep.conf", "[Login]\nKillUserProcesses=yes\n")
    assert "session.kill_user_processes" in _found(root)


def test_users_that_logind_spares_are_not_warned(machine):
    assert _found(machine(SHELL, "KillUserProcesses=yes\nKillExcludeUsers=root 54321")) == {}
    assert _found(machine(SHELL, "KillUserProcesses=yes\nKillOnlyUsers=somebody")) == {}
    assert _found(machine(SHELL, "KillUserProcesses=yes\nKillOnlyUsers=54321")) != {}


def test_under_the_users_service_manager_only_lingering_helps(machine):
    assert _found(machine(SERVICE)) == {"session.linger": "loginctl enable-linger"}
    assert _found(machine(SERVICE, lingers=True)) == {}


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"])
def test_inside_a_batch_job_the_advice_is_to_stay(machine, variable):
    root, environ = machine(), {variable: "4711.head"}
    assert _found(root, environ) == {"session.batch": "tarot-tui train deck --follow"}
    assert _found(root, environ, staying=True) == {}


def test_a_container_that_is_somebodys_shell_is_told_apart_from_one_that_is_a_service(machine):
    root = machine(terminal=34816)
    (found,) = findings(root=root, environ={})
    assert (found.id, found.severity) == ("session.container", "warning")
    assert "'my ) shell'" in found.text


def test_this_machine_can_be_asked():
    assert all(one.severity == "warning" and one.fix for one in findings())
