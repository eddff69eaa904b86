"""What facts mean: the rules of the checks, on machines that we do not have."""

from __future__ import annotations

import http.server
import json
import shlex
import sys
import threading
from contextlib import contextmanager
from importlib import metadata

import pytest

from tarot_tui.doctor import bitsandbytes_check, fixes, hub, machine, mend, nvidia, packages, torch_checks
from tarot_tui.doctor.memory import Memory, memory
from tarot_tui.doctor.nvidia import Gpu, Nvidia
from tarot_tui.doctor.torch_checks import Build, build_finding, wheel

GB = 1_000_000_000
TOKEN = "hf_short"


def with_gpu(driver: str = "550.54.15", cuda=(12, 4), capability=(8, 9)) -> Nvidia:
    return Nvidia(driver, cuda, (Gpu("NVIDIA L4", 24 * GB, 23 * GB, capability),))


@pytest.mark.parametrize(
    ("driver", "capability", "tag"),
    [
        ("580.95.05", (8, 9), "cu130"),
        ("570.26", (10, 0), "cu128"),
        ("550.54.15", (8, 9), "cu126"),
        ("525.60.13", (7, 5), "cu126"),
        ("580.95.05", (7, 0), "cu126"),
        ("470.256.02", (7, 5), ""),
    ],
)
def test_the_wheel_fits_the_driver_and_the_gpu(driver, capability, tag):
    assert wheel(with_gpu(driver, capability=capability)) == tag


def test_a_cpu_build_beside_a_gpu_is_an_error_with_the_right_index():
    finding = build_finding(Build("2.9.1+cpu"), with_gpu(), {}, [])
    assert (finding.id, finding.severity) == ("torch.cpu_build", "error")
    assert finding.fix.endswith("--force-reinstall torch --index-url https://download.pytorch.org/whl/cu126")


def test_a_cpu_build_without_a_gpu_is_only_told():
    assert build_finding(Build("2.9.1+cpu"), Nvidia(error="no library"), {}, []).severity == "info"


@pytest.mark.parametrize(
    ("nvidia_", "environment", "nodes", "id"),
    [
        (with_gpu(), {"CUDA_VISIBLE_DEVICES": ""}, [], "torch.hidden_gpus"),
        (with_gpu(), {"CUDA_VISIBLE_DEVICES": "-1"}, [], "torch.hidden_gpus"),
        (with_gpu(), {}, [], "torch.old_driver"),
        (with_gpu("580.95.05", (13, 0)), {}, ["/dev/nvidia-uvm"], "torch.no_device_files"),
        (with_gpu("580.95.05", (13, 0)), {"CUDA_VISIBLE_DEVICES": "0"}, [], "torch.cuda_fails"),
    ],
)
def test_why_a_cuda_build_does_not_use_the_gpu(nvidia_, environment, nodes, id):
    finding = build_finding(Build("2.9.1+cu130", cuda="13.0", reason="because"), nvidia_, environment, nodes)
    assert (finding.id, finding.severity) == (id, "error")
    assert "because" in finding.evidence and finding.fix


def test_a_gpu_in_use_is_fine():
    assert build_finding(Build("2.9.1", cuda="12.8", available=True), with_gpu(), {}, []).severity == "ok"


def test_an_old_torch_is_an_error():
    (finding,) = torch_checks.version_findings("2.1.0+cu118")
    assert (finding.id, finding.severity) == ("torch.version", "error")
    assert shlex.split(finding.fix)[-1].startswith("torch>=2.")
    assert not list(torch_checks.version_findings("2.13.0+cpu"))


def test_missing_and_old_packages_are_found(monkeypatch):
    real = metadata.version

    def fake(name: str) -> str:
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return "4.40.0" if name == "transformers" else real(name)

    monkeypatch.setattr(packages.metadata, "version", fake)
    missing = packages.group("train", "Training", ("transformers", "peft"), "error")
    assert (missing.id, missing.severity) == ("packages.train.missing", "error")
    assert "peft" in missing.text and "transformers" not in missing.text
    assert missing.fix.endswith("pip install 'tarot-tui[train]'")
    old = packages.group("train", "Training", ("transformers", "safetensors"), "error")
    assert old.id == "packages.train.version"
    assert "transformers" in old.text and "safetensors" not in old.text
    assert shlex.split(old.fix)[-1].startswith("transformers")


def test_a_fix_reaches_this_python_whatever_the_path_says(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(fixes.pip_install("peft"))[1:] == ["-m", "pip", "install", "peft"]


def test_an_environment_without_pip_is_mended_by_uv(monkeypatch):
    monkeypatch.setattr(fixes, "find_spec", lambda name: None)
    monkeypatch.setattr(fixes.shutil, "which", lambda name: {"uv": "/usr/bin/uv"}.get(name))
    words = shlex.split(fixes.pip_install("peft"))
    assert words == ["uv", "pip", "install", "--python", sys.executable, "peft"]
    assert mend.runnable(shlex.join(words)) == tuple(words)


def test_8_bit_products_are_judged():
    assert bitsandbytes_check.judge_8("0.48", "cuda", 0.007).severity == "ok"
    for wrong in (0.3, float("nan")):
        finding = bitsandbytes_check.judge_8("0.48", "cuda", wrong)
        assert (finding.id, finding.severity) == ("bitsandbytes.int8.broken", "warning")


def test_a_system_python_is_left_alone(monkeypatch):
    monkeypatch.setattr(fixes, "is_externally_managed", lambda: True)
    assert fixes.pip_install("peft").startswith(
        "python3 -m venv .venv && . .venv/bin/activate && pip install "
    )


def test_4_bit_products_are_judged():
    assert bitsandbytes_check.judge("error", "0.48", "cuda", 0.09).severity == "ok"
    for wrong in (1.0, 1.41, float("nan"), float("inf")):
        finding = bitsandbytes_check.judge("error", "0.48", "cuda", wrong)
        assert (finding.id, finding.severity) == ("bitsandbytes.broken", "error")


def cgroup(root, line: str, files: dict[str, str]):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(line + "\n")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("line", "files"),
    [
        (
            "0::/a/b",
            {
                "a/b/memory.max": "max\n",
                "a/memory.max": "4000\n",
                "a/memory.current": "3000\n",
                "a/memory.stat": "anon 5\ninactive_file 500\n",
            },
        ),
        (
            "4:memory:/host/path",
            {
                "memory/memory.limit_in_bytes": "4000\n",
                "memory/memory.usage_in_bytes": "3000\n",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n",
            },
        ),
    ],
)
def test_a_container_may_have_less_memory_than_the_machine(tmp_path, line, files):
    assert memory(9000, 8000, cgroup(tmp_path, line, files)) == Memory(4000, 1500, True)


def test_no_limit_is_the_machine_itself(tmp_path):
    root = cgroup(tmp_path, "4:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712\n"})
    assert memory(9000, 8000, root) == Memory(9000, 8000)


@pytest.mark.parametrize(
    ("total", "available", "severity"), [(1, 1, "error"), (8, 1, "warning"), (8, 4, "ok")]
)
def test_too_little_memory(total, available, severity):
    assert machine.memory_finding(Memory(total * GB, available * GB)).severity == severity


@pytest.mark.parametrize(("free", "severity"), [(1, "error"), (5, "warning"), (50, "ok")])
def test_too_little_disk(tmp_path, free, severity):
    finding = machine.disk_finding(tmp_path, "the project", free * GB)
    assert finding.severity == severity
    assert bool(finding.fix) is (severity != "ok")


def test_a_card_without_its_driver_is_told_from_none(tmp_path):
    device = tmp_path / "sys/bus/pci/devices/0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030200\n")
    assert nvidia.card_on_the_bus(tmp_path)
    silent = Nvidia(error="NVML Shared Library Not Found")
    assert [found.id for found in nvidia.findings(silent, card=True)] == ["nvidia.no_driver"]
    assert [found.id for found in nvidia.findings(silent, card=False)] == ["nvidia.none"]
    mismatch = Nvidia(error="Driver/library version mismatch")
    assert [found.id for found in nvidia.findings(mismatch, card=True)] == ["nvidia.mismatch"]
    assert [found.id for found in nvidia.findings(with_gpu(), card=True)] == ["nvidia.driver", "nvidia.gpu.0"]


@contextmanager
def hub_that_knows(token: str):
    """A hub on this machine that knows one token."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers.get("Authorization") in (f"Bearer {token}", None)
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"name": "mei\x1b[2J"} if known else {"error": "Invalid"}).encode())

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_hub_knows_us_refuses_us_or_is_away():
    with hub_that_knows(TOKEN) as url:
        known, refused = hub.ask(url, TOKEN), hub.ask(url, "hf_other")
        assert hub.ask(url, None).severity == "ok"
    away = hub.ask(url, TOKEN)
    assert (known.id, refused.id, away.id) == ("hub", "hub.token_refused", "hub.unreachable")
    assert "knows you as mei;" in known.text


@pytest.mark.parametrize("token", ["hf_\nbroken", "hf_\u724c", "hf_x\x00"])
@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:9", "nonsense", "http://[", "http://me:pass@127.0.0.1:9"]
)
def test_a_broken_token_or_endpoint_is_a_finding_that_quotes_no_secret(token, endpoint):
    finding = hub.ask(endpoint, token)
    assert finding.id == "hub.unreachable"
    assert "hf_" not in str(finding) and "pass" not in str(finding)
