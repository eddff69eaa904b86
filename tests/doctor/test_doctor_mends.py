"""``doctor --fix`` and ``--report``: what is run, what never is, and a broken environment that really works afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tarot_tui.doctor import mend, report
from tarot_tui.errors import Refused
from tarot_tui.findings import Finding

OLD = "bitsandbytes==0.44.1"


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        ("pip install --upgrade 'peft>=0.18'", ("-m", "pip", "install", "--upgrade", "peft>=0.18")),
        (f"{sys.executable} -m pip install peft", ("-m", "pip", "install", "peft")),
    ],
)
def test_an_installation_into_this_python_can_be_run(fix, words):
    assert mend.runnable(fix) == (sys.executable, *words)


@pytest.mark.parametrize(
    "fix",
    [
        "",
        "sudo apt-get install gcc",
        "pip install x && rm -rf /",
        "pip uninstall torch",
        "curl -I https://huggingface.co",
        "unset HF_ENDPOINT",
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install 'unfinished",
        "cutoff_len: 512",
        "sh -c 'pip install x'",
    ],
)
def test_everything_else_is_left_to_people(fix):
    assert mend.runnable(fix) is None


def test_each_command_is_run_once_and_errors_come_first():
    found = [
        Finding("packages.export.missing", "warning", "b", fix="pip install b"),
        Finding("packages.train.missing", "error", "a", fix="pip install a"),
        Finding("bitsandbytes.missing", "warning", "also b", fix="pip install b"),
        Finding("torch.version", "ok", "fine", fix="pip install never"),
    ]
    wanted = mend.fixable(found)
    assert [fix.argv[-1] for fix in wanted] == ["a", "b"]
    assert wanted[1].ids == ("packages.export.missing", "bitsandbytes.missing")
    assert {check.name for probe in mend.probes_of(wanted) for check in probe.checks} == {
        "packages",
        "torch",
        "bitsandbytes",
    }


def test_the_systems_python_stays_as_it_is(monkeypatch):
    monkeypatch.setattr("tarot_tui.doctor.fixes.is_system_python", lambda: True)
    with pytest.raises(Refused, match="tarot-tui setup"):
        mend.refuse_foreign()


def test_an_environment_of_somebody_else_stays_as_it_is(monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(Refused, match="not yours"):
        mend.refuse_foreign()


def test_a_report_names_neither_user_nor_host_nor_token(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setattr("getpass.getuser", lambda: "alice")
    monkeypatch.setattr("socket.gethostname", lambda: "alice-gpu-7")
    monkeypatch.chdir(tmp_path)
    said = report.report(
        [
            Finding("hub", "ok", "huggingface.co answers and knows you as alice42.", "HTTP 200"),
            Finding(
                "a", "error", "no | pipe", f"/home/alice/x {tmp_path}/y alice-gpu-7 10.1.2.3 127.0.0.1:11434"
            ),
            Finding("b", "info", "proxy", "http://bob:secret@proxy:3128 a@example.org hf_" + "x" * 34),
        ]
    )
    for private in ("alice", "10.1.2.3", "secret", "example.org", "hf_xxxx", str(tmp_path)):
        assert private not in said
    assert "127.0.0.1:11434" in said and "no \\| pipe" in said and "| error | a |" in said


@pytest.fixture
def broken(tmp_path):
    """An environment like this one, with a bitsandbytes that cannot compute here and without peft."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env/bin/python"
    there = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.split("-")[0] not in ("peft", "bitsandbytes") and not (there / entry.name).exists():
            (there / entry.name).symlink_to(entry)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", OLD], check=True)
    return python


@pytest.mark.slow
def test_a_broken_environment_is_mended(broken, tmp_path):
    def doctor(*words):
        done = subprocess.run(
            [broken, "-m", "tarot_tui", "doctor", "--json", *words],
            cwd=tmp_path,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_ENDPOINT": "http://127.0.0.1:9"},
            capture_output=True,
            text=True,
        )
        return {one["id"]: one for one in json.loads(done.stdout.splitlines()[-1])["findings"]}

    before = doctor()
    assert before["packages.train.missing"]["severity"] == "error"
    assert before["bitsandbytes.broken"]["severity"] != "ok"
    after = doctor("--fix", "--yes")
    assert after["packages.train"]["severity"] == "ok" and after["bitsandbytes"]["severity"] == "ok"
    assert set(before) - set(after) == {"packages.train.missing", "bitsandbytes.broken"}
