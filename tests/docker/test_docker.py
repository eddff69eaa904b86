"""``tarot-tui docker``: files that the judges of such files accept, and what the check says of what Docker answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tarot_tui.cli import main
from tarot_tui.docker import check as checks
from tarot_tui.doctor.nvidia import Gpu, Nvidia

BESIDE = Path(sys.executable).parent


@pytest.fixture
def written(project, monkeypatch):
    """The project with its container files; the wheel is left out, one test makes it."""
    monkeypatch.setattr("tarot_tui.wheels.of_ourselves", lambda folder: None)
    assert main(["--project", str(project.root), "docker", "init", "--cuda", "cu126"]) == 0
    return project.root / "docker"


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.llamafactory"])
def test_hadolint_has_nothing_to_say(written, name):
    done = subprocess.run([BESIDE / "hadolint", str(written / name)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_keeps_the_specification(written):
    done = subprocess.run(
        [
            BESIDE / "check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            str(written / "compose.yaml"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_is_pinned_private_and_sees_the_gpus(written):
    compose = yaml.safe_load((written / "compose.yaml").read_text())
    for service in compose["services"].values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert "healthcheck" in service
        # A token is handed on from the shell, never written.
        assert (service.get("environment") or {}).get("HF_TOKEN") is None
    assert compose["services"]["tarot"]["ipc"] == "host"
    assert not compose["services"]["ollama"]["image"].endswith((":latest", "ollama"))
    for name in ("Dockerfile", "Dockerfile.llamafactory"):
        text = (written / name).read_text()
        assert "FROM python:3." in text and "whl/cu126" in text and "USER ${UID}:${GID}" in text
        assert "@" not in text.replace("tarot-tui[all]==", "")
    assert (written / "Dockerfile.dockerignore").read_text().split()[-2:] == ["*", "!docker/wheels"]


def test_files_that_are_there_are_kept(written, project, capsys):
    (written / "Dockerfile").write_text("mine")
    assert main(["--project", str(project.root), "docker", "init"]) == 3
    assert "--replace" in capsys.readouterr().err and (written / "Dockerfile").read_text() == "mine"
    assert main(["--project", str(project.root), "docker", "init", "--replace", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cuda"] == "cu128"


def test_a_build_that_there_is_not_is_declined(project, capsys):
    assert main(["--project", str(project.root), "docker", "init", "--cuda", "cu999"]) == 2
    assert "cu128" in capsys.readouterr().err and not (project.root / "docker").exists()


@pytest.mark.slow
def test_the_image_gets_this_very_tarot_tui(project):
    assert main(["--project", str(project.root), "docker", "init"]) == 0
    (wheel,) = (project.root / "docker/wheels").iterdir()
    assert wheel.name.startswith("tarot_tui-") and wheel.suffix == ".whl"


# ---- what Docker answers

GPU = Gpu("NVIDIA H100", 80 << 30, 79 << 30, (9, 0))
INFO = {"ServerVersion": "27.3.1", "Runtimes": {"runc": {}, "nvidia": {"path": "nvidia-container-runtime"}}}
DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    "dial unix /var/run/docker.sock: connect: permission denied"
)
NOT_RUNNING = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
)
NO_DEVICE = (
    'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].'
)
ABSENT = "docker: 'compose' is not a docker command."


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Puts a ``docker`` on the PATH that answers as told: ``docker(info=(0, text, error), …)``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def answer(gpus=0, **answers):
        monkeypatch.setattr("tarot_tui.doctor.nvidia.look", lambda: Nvidia("570.86", (12, 8), (GPU,) * gpus))
        (folder / "answers.json").write_text(json.dumps(answers))
        script = folder / "docker"
        script.write_text(
            f"#!{sys.executable}\n"
            "import json, pathlib, sys\n"
            "answers = json.loads((pathlib.Path(__file__).parent / 'answers.json').read_text())\n"
            "code, out, err = answers.get(sys.argv[1], [1, '', 'unexpected'])\n"
            "print(out, end=''); print(err, end='', file=sys.stderr); sys.exit(code)\n"
        )
        script.chmod(0o755)
        return {finding.id: finding for finding in checks.check("tarot-tui:0.1.0")}

    return answer


def test_no_docker_says_where_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    (finding,) = checks.check("x")
    assert finding.id == "docker.missing" and "docs.docker.com" in finding.fix


@pytest.mark.parametrize(
    ("answer", "id", "fix"),
    [
        ((1, "", DENIED), "docker.permission", "usermod"),
        ((1, "", NOT_RUNNING), "docker.daemon", "systemctl"),
        ((0, json.dumps({"ServerErrors": [NOT_RUNNING]}), ""), "docker.daemon", "systemctl"),
        ((0, "no json at all", ""), "docker.daemon", "systemctl"),
    ],
)
def test_a_daemon_that_does_not_serve_is_explained(docker, answer, id, fix):
    found = docker(info=answer)
    assert list(found) == [id] and found[id].severity == "error" and fix in found[id].fix


def test_a_stuck_daemon_is_reported_in_time(docker, monkeypatch, tmp_path):
    docker(info=(0, "", ""))
    (tmp_path / "bin/docker").write_text("#!/bin/sh\nsleep 30\n")
    monkeypatch.setattr(checks, "_PATIENCE", 0.3)
    (finding,) = checks.check("x")
    assert finding.id == "docker.stuck"


def test_gpus_without_nvidias_runtime_are_the_toolkits_business(docker):
    found = docker(
        gpus=1, info=(0, json.dumps({**INFO, "Runtimes": {"runc": {}}}), ""), compose=(0, "2.29.7", "")
    )
    assert found["docker.nvidia"].severity == "error" and "nvidia-ctk" in found["docker.nvidia"].fix


def test_a_machine_without_gpu_is_told_what_still_works(docker):
    found = docker(info=(0, json.dumps({**INFO, "Runtimes": {"runc": {}}}), ""), compose=(0, "2.29.7", ""))
    assert found["docker.no_gpu"].severity == "info"


@pytest.mark.parametrize("compose", [(1, "", ABSENT), (0, "1.29.2", "")])
def test_compose_must_be_the_plugin(docker, compose):
    found = docker(info=(0, json.dumps(INFO), ""), compose=compose)
    assert found["docker.compose"].severity == "error" and "plugin" in found["docker.compose"].fix


@pytest.mark.parametrize(
    ("image", "run", "severity"),
    [
        ((0, "[]", ""), (0, "NVIDIA H100\nNVIDIA H100\n", ""), "ok"),
        ((0, "[]", ""), (0, "NVIDIA H100\n", ""), "error"),
        ((0, "[]", ""), (125, "", NO_DEVICE), "error"),
    ],
)
def test_the_gpus_are_counted_from_inside(docker, image, run, severity):
    found = docker(gpus=2, info=(0, json.dumps(INFO), ""), compose=(0, "2.29.7", ""), image=image, run=run)
    assert found["docker.gpus"].severity == severity
    if run[2]:
        assert "could not select device driver" in found["docker.gpus"].evidence


def test_an_image_that_is_not_built_is_no_error(docker):
    found = docker(
        gpus=1, info=(0, json.dumps(INFO), ""), compose=(0, "2.29.7", ""), image=(1, "", "No such image")
    )
    assert found["docker.image"].severity == "info"


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs docker")
def test_the_command_says_what_is_true_here(capsys, project):
    code = main(["docker", "check", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == int(any(one["severity"] == "error" for one in found)) and found
