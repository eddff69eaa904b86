"""``tarot-tui setup``: the right commands for each machine, a real environment, a real one offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import namedtuple
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.doctor.nvidia import Gpu, Nvidia
from tarot_tui.errors import BadInput
from tarot_tui.jobs.control import request
from tarot_tui.jobs.follow import follow
from tarot_tui.jobs.spec import create
from tarot_tui.project import PYTHON, worker_python
from tarot_tui.setup.commands import Command, commands, wanted
from tarot_tui.setup.launch import launch

Usage = namedtuple("Usage", "total used free")
H100 = Gpu("NVIDIA H100", 80 << 30, 79 << 30, (9, 0))
PASCAL = Gpu("GTX 1080", 8 << 30, 8 << 30, (6, 1))


@pytest.fixture
def machine(monkeypatch):
    """A machine with this driver and these GPUs, enough disk, and no uv."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**13, 0, 10**13))
    # Making our wheel takes seconds; one test makes it.
    monkeypatch.setattr("tarot_tui.wheels.of_ourselves", lambda folder: None)
    real = shutil.which
    monkeypatch.setattr("shutil.which", lambda name, **more: None if name == "uv" else real(name, **more))

    def have(driver="", *gpus):
        monkeypatch.setattr("tarot_tui.doctor.nvidia.look", lambda: Nvidia(driver, (12, 8), gpus))

    have()
    return have


def torch_command(found):
    return next(step for step in commands(found, None) if step.name == "torch").argv


@pytest.mark.parametrize(
    ("driver", "gpus", "build"),
    [
        ("", (), "cpu"),
        ("570.86", (H100,), "cu128"),
        ("580.95", (H100,), "cu130"),
        ("535.104", (H100,), "cu126"),
        ("580.95", (PASCAL,), "cu126"),
    ],
)
def test_pytorch_is_the_one_for_the_driver_and_the_cards(machine, tmp_path, driver, gpus, build):
    machine(driver, *gpus)
    found = wanted(tmp_path / "env")
    assert found.index.endswith(f"/{build}") and found.index in torch_command(found)


def test_a_driver_too_old_for_any_is_refused_with_the_way_out(machine, tmp_path, capsys):
    machine("390.157", H100)
    assert main(["setup", str(tmp_path / "env"), "--dry-run"]) == 3
    assert "--torch-index" in capsys.readouterr().err


def test_uv_is_used_where_it_is(machine, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, **more: f"/usr/bin/{name}")
    steps = commands(wanted(tmp_path / "env"), None)
    assert [step.argv[0] for step in steps[:3]] == ["uv", "uv", "uv"]


def test_a_full_disk_and_a_folder_of_something_else_are_told_before(machine, tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    assert main(["setup", str(tmp_path / "photos"), "--dry-run"]) == 2
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10, 10, 10))
    assert main(["setup", str(tmp_path / "env"), "--dry-run"]) == 3
    assert not (tmp_path / "env").exists()
    assert main(["setup", str(tmp_path / "env"), "--extras", "trian", "--dry-run"]) == 2
    assert "train" in capsys.readouterr().err


def test_what_would_run_is_printed_and_not_run(machine, tmp_path, capsys):
    assert main(["setup", str(tmp_path / "env"), "--extras", "", "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in found["commands"]] == ["environment", "packages", "proof"]
    assert not (tmp_path / "env").exists()


def test_it_asks_before_it_installs(machine, tmp_path, capsys):
    assert main(["setup", str(tmp_path / "env"), "--extras", ""]) == 3
    assert "--yes" in capsys.readouterr().err and not (tmp_path / "env").exists()


@pytest.mark.slow
def test_a_bundle_makes_an_environment_without_any_index(tmp_path, monkeypatch, capsys, project):
    assert main(["setup", "--extras", "", "--bundle", str(tmp_path / "bundle")]) == 0
    offline = os.environ | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        ["sh", str(tmp_path / "bundle/install.sh"), str(tmp_path / "there")],
        env=offline,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "tarot-tui 0" in done.stdout
    # The same by the command, as a job; the doctor that proves it says what is missing, for nothing was asked for.
    for name, value in offline.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheelhouse = ["--wheelhouse", str(tmp_path / "bundle")]
    main(["setup", str(tmp_path / "env"), "--extras", "", *wheelhouse, "--yes", "--json"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "doctor" in found["reason"]
    assert (tmp_path / "env/bin/tarot-tui").exists()


def test_a_bundle_does_not_mix_with_other_files(machine, tmp_path, capsys):
    (tmp_path / "cat.jpg").touch()
    assert main(["setup", "--bundle", str(tmp_path)]) == 3
    assert main(["setup", "--bundle", str(tmp_path / "cat.jpg")]) == 3
    assert main(["setup", str(tmp_path / "cat.jpg"), "--dry-run"]) == 2


def test_a_bundle_needs_room_where_it_is_made_and_nowhere_else(machine, tmp_path, monkeypatch, capsys):
    (tmp_path / "small").mkdir()
    free = {"small": 10, "large": 10**13}
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(0, 0, free.get(path.name, free["large"])))
    monkeypatch.chdir(tmp_path / "small")
    fetched = []
    monkeypatch.setattr("tarot_tui.setup.bundle._download", lambda *words: fetched.append(words))
    assert main(["setup", "--extras", "", "--bundle", str(tmp_path / "large")]) == 0 and fetched
    assert main(["setup", "--extras", "", "--bundle", str(tmp_path / "small/x")]) == 3
    assert "another disk" in capsys.readouterr().err and not (tmp_path / "small/x").exists()


def test_an_installation_that_says_nothing_stops_when_it_is_asked_to(project, tmp_path):
    silent = Command(
        "silent", "a download of gigabytes", ("sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 300")
    )
    never = Command("never", "what comes after", ("touch", str(tmp_path / "never")))
    job = launch(project, "fix", "silent", [silent, never])
    deadline = time.monotonic() + 60
    while not (pid := (tmp_path / "pid").read_text().strip() if (tmp_path / "pid").exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    request(job, "stop")
    assert follow(job, on_line=lambda line: None, on_status=lambda status: None).state == "stopped"
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "never").exists()


# ---- the screens in one environment, the work in another


@pytest.fixture
def other_python(project, monkeypatch):
    """A Python named by the project, which says that it ran."""
    monkeypatch.setenv(PYTHON, "to be removed after the test")
    python = project.root / "env/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho ran >> ran.txt\n")
    python.chmod(0o755)
    return python


def test_a_project_may_name_the_python_that_does_its_work(project, other_python):
    (project.root / "tarot.yaml").write_text("# mine\nversion: 1\n")
    project.use_python(other_python)
    project.use_python(other_python)
    assert (project.root / "tarot.yaml").read_text() == '# mine\nversion: 1\npython: "env/bin/python"\n'
    project.adopt_python()
    assert worker_python() == str(other_python)


def test_its_jobs_run_there(project, other_python):
    from tarot_tui.jobs.follow import follow
    from tarot_tui.jobs.launch import start

    project.use_python(other_python)
    project.adopt_python()
    folder = create(project, "train", "deck", ["{python}", "-c", "pass"], {})
    start(folder)
    follow(folder, on_line=lambda line: None)
    assert (folder / "ran.txt").read_text() == "ran\n"


def test_a_python_that_is_gone_is_one_sentence(project, other_python, capsys):
    project.use_python(project.root / "gone/bin/python")
    with pytest.raises(BadInput, match="key python"):
        project.adopt_python()
    assert main(["--project", str(project.root), "runs"]) == 2
    assert "tarot-tui setup" in capsys.readouterr().err
