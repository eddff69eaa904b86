"""``tarot-tui doctor`` on the machine that runs the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tarot_tui.cli.doctor import closing
from tarot_tui.findings import Finding

SECRET = "hf_secretOfSomebody"


def doctor(*words: str, folder, **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"TAROT_TUI_LANG": "en", "OMP_NUM_THREADS": "1"} | environment
    return subprocess.run(
        [sys.executable, "-m", "tarot_tui", "doctor", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    # The port of discard: nobody answers there.
    away = {"HF_ENDPOINT": "http://127.0.0.1:9", "OLLAMA_HOST": "127.0.0.1:9"}
    folder = tmp_path_factory.mktemp("no project")
    return doctor("--json", folder=folder, HF_TOKEN=SECRET, **away)


def test_it_says_what_is_true_here(report):
    found = {finding["id"]: finding for finding in json.loads(report.stdout)["findings"]}
    assert found["packages.train"]["severity"] == "ok"
    assert found["machine.memory"]["severity"] != "error"
    assert found["machine.disk.0"]["severity"] != "error"
    assert found["hub.unreachable"]["severity"] == "warning"
    assert found["ollama.absent"]["severity"] == "info"
    if "nvidia.none" in found:
        assert found["torch.no_gpu"]["severity"] == "info"
    assert found["bitsandbytes"]["severity"] == "ok"
    assert not [name for name in found if name.endswith((".crashed", ".stuck", ".failed"))]


def test_the_exit_code_and_ok_agree_with_the_findings(report):
    said = json.loads(report.stdout)
    errors = [finding for finding in said["findings"] if finding["severity"] == "error"]
    assert said["ok"] is (not errors)
    assert report.returncode == bool(errors)


def test_the_token_is_seen_but_never_shown(report):
    assert '"hub.token"' in report.stdout
    assert SECRET not in report.stdout + report.stderr


def test_what_fails_exits_with_1_and_says_so(tmp_path):
    # A package folder without its metadata is not installed: everything that training needs is gone.
    hide = "import importlib.metadata as m\ndef gone(name): raise m.PackageNotFoundError(name)\nm.version = gone\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    done = doctor(folder=tmp_path, PYTHONPATH=str(tmp_path), HF_HUB_OFFLINE="1", OLLAMA_HOST="127.0.0.1:9")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL  Training needs packages that are not installed: transformers, peft" in done.stdout
    assert "tarot-tui[train]" in done.stdout
    assert "This machine cannot train yet: 2 failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_project_that_is_not_there_is_bad_input(tmp_path):
    done = doctor("--project", str(tmp_path), folder=tmp_path)
    assert done.returncode == 2
    assert "No project" in done.stderr


@pytest.mark.parametrize(
    ("severities", "sentence"),
    [
        (["ok", "info"], "This machine can train."),
        (["ok", "warning"], "This machine can train; 1 worth a look."),
        (["error", "warning", "warning"], "This machine cannot train yet: 1 failed, 2 worth a look."),
    ],
)
def test_the_closing_sentence(severities, sentence):
    assert (
        closing([Finding(str(number), severity, "x") for number, severity in enumerate(severities)])
        == sentence
    )
