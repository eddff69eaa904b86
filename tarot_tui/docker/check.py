"""Whether containers can train here: Docker, compose, NVIDIA's runtime, and what a container really sees."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

_TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
#: Seconds that Docker may take for an answer, and a container for starting.
_PATIENCE, _START = 15, 120


def check(image: str) -> Iterator[Finding]:
    """Findings one after the other, the first failure last: what depends on it is not asked any more.

    image: of the project, to look at the GPUs from inside; not built for this.
    """
    if shutil.which("docker") is None:
        yield Finding(
            "docker.missing",
            "error",
            _("Docker is not installed on this machine."),
            fix="https://docs.docker.com/engine/install/",
        )
        return
    info, complaint = _info()
    if info is None:
        yield _no_daemon(complaint)
        return
    yield Finding(
        "docker.daemon",
        "ok",
        _("Docker {version} answers.").format(version=one_line(str(info.get("ServerVersion", "?")), 40)),
    )
    yield _compose()
    gpus = _gpus_here()
    runtime = _runtime(info, gpus)
    yield runtime
    if runtime.severity == "ok" and gpus:
        yield _inside(image, gpus)


def _info() -> tuple[dict[str, Any] | None, str]:
    code, out, err = _run(["docker", "info", "--format", "{{json .}}"], _PATIENCE)
    try:
        found = json.loads(out)
    except ValueError:
        found = None
    problems = (found or {}).get("ServerErrors") or []
    if code or not isinstance(found, dict) or problems:
        return None, one_line(" ".join(map(str, problems)) or err or out, 300)
    return found, ""


def _no_daemon(complaint: str) -> Finding:
    low = complaint.lower()
    if "permission denied" in low:
        return Finding(
            "docker.permission",
            "error",
            _("You may not use Docker: your user is not in its group."),
            evidence=complaint,
            fix="sudo usermod -aG docker $USER && newgrp docker",
        )
    if "timed out" in low:
        return Finding(
            "docker.stuck",
            "error",
            _("Docker does not answer."),
            evidence=complaint,
            fix="sudo systemctl restart docker",
        )
    return Finding(
        "docker.daemon",
        "error",
        _("Docker is installed, but its service does not run."),
        evidence=complaint,
        fix="sudo systemctl enable --now docker",
    )


def _compose() -> Finding:
    code, out, err = _run(["docker", "compose", "version", "--short"], _PATIENCE)
    version = one_line(out, 40).lstrip("v")
    if code or not version:
        return Finding(
            "docker.compose",
            "error",
            _("'docker compose' is missing: it is a plugin of its own."),
            evidence=one_line(err, 200),
            fix="sudo apt-get install docker-compose-plugin",
        )
    if version.startswith("1."):
        return Finding(
            "docker.compose",
            "error",
            _("docker compose {version} is too old for GPU reservations: it needs 2.").format(
                version=version
            ),
            fix="sudo apt-get install docker-compose-plugin",
        )
    return Finding("docker.compose", "ok", _("docker compose {version} is there.").format(version=version))


def _gpus_here() -> list[str]:
    from tarot_tui.doctor.nvidia import look

    return [gpu.name for gpu in look().gpus]


def _runtime(info: dict[str, Any], gpus: list[str]) -> Finding:
    has = "nvidia" in (info.get("Runtimes") or {}) or any(
        str(device.get("ID", "")).startswith("nvidia.com/gpu")
        for device in info.get("DiscoveredDevices") or []
        if isinstance(device, dict)
    )
    if has:
        return Finding("docker.nvidia", "ok", _("Docker knows NVIDIA's runtime."))
    if not gpus:
        return Finding(
            "docker.no_gpu",
            "info",
            _(
                "No NVIDIA GPU is here: containers work, on the CPU (remove the lines of '*gpu' in compose.yaml)."
            ),
        )
    return Finding(
        "docker.nvidia",
        "error",
        _("Containers cannot see the GPUs: NVIDIA's container toolkit is not set up."),
        fix="sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker "
        f"&& sudo systemctl restart docker   # {_TOOLKIT}",
    )


def _inside(image: str, gpus: list[str]) -> Finding:
    present, _out, _err = _run(["docker", "image", "inspect", image], _PATIENCE)
    if present:
        return Finding(
            "docker.image",
            "info",
            _("The image {image} is not built yet; built, this check also looks from inside.").format(
                image=image
            ),
            fix="docker compose -f docker/compose.yaml build",
        )
    command = ["docker", "run", "--rm", "--gpus", "all", "--entrypoint", "python", image, "-c", _SEEN]
    code, out, err = _run(command, _START)
    seen = [line for line in out.splitlines() if line.strip()]
    if code == 0 and len(seen) == len(gpus):
        return Finding(
            "docker.gpus",
            "ok",
            _("Inside, PyTorch sees all GPUs: {names}.").format(names=one_line(", ".join(seen), 200)),
        )
    return Finding(
        "docker.gpus",
        "error",
        _("Inside, PyTorch sees {count} of {all} GPUs.").format(count=len(seen), all=len(gpus)),
        evidence=one_line(err, 300),
        fix="nvidia-smi; docker run --rm --gpus all " + image + " nvidia-smi",
    )


_SEEN = (
    "import torch\n"
    "for i in range(torch.cuda.device_count()):\n"
    "    torch.zeros(1, device=i)\n"
    "    print(torch.cuda.get_device_name(i))\n"
)


def _run(command: list[str], seconds: int) -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return 124, "", "timed out"
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout, done.stderr
