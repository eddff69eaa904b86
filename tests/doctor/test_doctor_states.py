"""GPUs in every state, limits, terminals, kernels: what each means, on machines that we do not have."""

from __future__ import annotations

import pytest

from tarot_tui.doctor import collective, extras, gpu_state, limits, terminal
from tarot_tui.doctor.gpu_state import Process, State
from tarot_tui.doctor.limits import Limits
from tarot_tui.doctor.nvidia import Gpu

GB = 1_000_000_000
AMPERE, TURING = Gpu("A100", 80 * GB, 79 * GB, (8, 0)), Gpu("T4", 16 * GB, 15 * GB, (7, 5))


def state(**facts) -> State:
    return State(0, "A100", **facts)


@pytest.mark.parametrize(
    ("facts", "ids"),
    [
        ({}, []),
        ({"processes": (Process(1, "bob", "python", 70 * GB),)}, ["gpu_state.0.used"]),
        ({"processes": (Process(1, "me", "Xorg", 10_000_000),)}, []),
        ({"processes": (Process(1, "", "", 0),)}, ["gpu_state.0.used"]),
        ({"uncorrected": 3}, ["gpu_state.0.ecc"]),
        ({"uncorrected": 0, "persistence": True}, []),
        ({"reasons": 0x40}, ["gpu_state.0.throttled"]),
        ({"reasons": 0x4}, ["gpu_state.0.throttled"]),
        ({"reasons": 0x1}, []),
        ({"persistence": False}, ["gpu_state.0.persistence"]),
        ({"mig": True}, ["gpu_state.0.mig"]),
        ({"uncorrected": 1, "mig": True}, ["gpu_state.0.ecc", "gpu_state.0.mig"]),
    ],
)
def test_the_state_of_a_gpu(facts, ids):
    found = list(gpu_state.findings(state(**facts), "me"))
    assert [finding.id for finding in found] == ids
    assert all(finding.fix for finding in found)


def test_whose_processes_use_a_gpu_is_said():
    found = next(gpu_state.findings(state(processes=(Process(7, "bob", "py\x1b[2J", GB),)), "me"))
    assert "bob" in found.text and "\x1b" not in found.evidence


@pytest.mark.parametrize(
    ("links", "severity", "word"),
    [
        (["nvlink", "nvlink"], "ok", "NVLink"),
        (["nvlink", "p2p"], "ok", "PCIe"),
        (["host", "p2p"], "info", "host's memory"),
    ],
)
def test_how_gpus_are_joined_goes_by_the_worst(links, severity, word):
    found = gpu_state.joined(links)
    assert found.severity == severity and word in found.text


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (Limits(8 * GB, 1 << 20, 0), ["limits"]),
        (Limits(64 << 20, 1 << 20, 0, container=True), ["limits.shm"]),
        (Limits(None, 1024, 0), ["limits.shm", "limits.files"]),
    ],
)
def test_limits(given, ids):
    found = list(limits.findings(given))
    assert [finding.id for finding in found] == ids
    if given.container:
        assert "--ipc=host" in found[0].fix


def test_a_slow_disk_is_said_in_minutes(tmp_path):
    assert limits.disk(10_000_000).severity == "warning" and "27 minutes" in limits.disk(10_000_000).text
    assert limits.disk(limits.measured(tmp_path)).id == "limits.disk"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("gpus", "versions", "ids"),
    [
        ((), {}, []),
        ((AMPERE,), {"liger-kernel": "0.5"}, ["extras"]),
        ((AMPERE,), {}, ["extras.liger"]),
        ((TURING,), {"flash-attn": "2.7", "liger-kernel": "0.5"}, ["extras", "extras.flash_old_gpu"]),
        ((AMPERE, AMPERE), {"liger-kernel": "0.5"}, ["extras", "extras.deepspeed"]),
    ],
)
def test_kernels(gpus, versions, ids):
    assert [finding.id for finding in extras.kernels(gpus, versions)] == ids


def test_a_compiler_matters_on_a_gpu_only():
    assert [
        extras.compiler(*facts).severity for facts in (("", True), ("", False), ("/usr/bin/gcc", True))
    ] == [
        "warning",
        "info",
        "ok",
    ]


@pytest.mark.parametrize(
    ("environment", "encoding", "ids"),
    [
        ({"TERM": "xterm-256color"}, "UTF-8", ["terminal"]),
        ({"TERM": "tmux-256color", "TMUX": "x", "COLORTERM": "truecolor"}, "utf8", ["terminal"]),
        ({"TERM": "linux", "NO_COLOR": "1"}, "UTF-8", ["terminal"]),
        ({"TERM": "dumb"}, "UTF-8", ["terminal.dumb"]),
        ({}, "ANSI_X3.4-1968", ["terminal.encoding", "terminal.dumb"]),
    ],
)
def test_terminals(environment, encoding, ids):
    found = list(terminal.findings(environment, encoding))
    assert [finding.id for finding in found] == ids
    if "TMUX" in environment:
        assert "truecolor, tmux" in found[0].text


def test_an_amd_card_is_told_what_works(monkeypatch, tmp_path):
    from tarot_tui.doctor import nvidia

    device = tmp_path / "sys/bus/pci/devices/0000:03:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x1002\n")
    (device / "class").write_text("0x030000\n")
    assert nvidia.card_on_the_bus(tmp_path, "0x1002") and not nvidia.card_on_the_bus(tmp_path)
    assert "rocm" in nvidia.amd().fix


def test_packages_that_do_not_fit_together_are_named(monkeypatch):
    from tarot_tui.doctor import packages

    real = packages.version
    monkeypatch.setattr(packages, "version", lambda name: "0.1" if name == "tokenizers" else real(name))
    (found,) = packages.conflicts(["transformers", "peft"])
    assert found.id == "packages.conflict" and "tokenizers" in found.text and "tokenizers" in found.fix
    monkeypatch.setattr(packages, "version", real)
    assert list(packages.conflicts(["transformers", "peft", "accelerate"])) == []


def test_a_full_store_of_ollama_is_said(monkeypatch, tmp_path):
    from collections import namedtuple

    from tarot_tui.doctor import serving

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(10, 9, 1))
    (found,) = serving.store(tmp_path)
    assert found.severity == "warning" and "ollama rm" in found.fix
    assert list(serving.store(None)) == []


@pytest.mark.slow
def test_two_processes_really_sum_and_a_backend_that_is_not_there_is_explained():
    assert collective.proof("gloo", 2).severity == "ok"
    broken = collective.proof("nccl", 2)
    assert broken.severity == "warning" and broken.fix and "NCCL" in broken.text
