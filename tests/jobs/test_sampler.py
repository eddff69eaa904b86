"""Readings of this machine from a process that may hang."""

from __future__ import annotations

import sys

import psutil
import pytest
from fakes import nvml

from tarot_tui.jobs import identity
from tarot_tui.jobs.sampler import Sampler


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Pretends GPUs from now on; may be called again to change them."""
    folder = nvml.build(tmp_path / "nvml")
    settings = tmp_path / "settings"
    settings.touch()
    for name, value in nvml.environment(folder, NVML_FILE=settings, NVML_GPUS=2).items():
        monkeypatch.setenv(name, value)

    def change(**wanted):
        temporary = settings.with_suffix(".part")
        temporary.write_text("".join(f"{name}={value}\n" for name, value in wanted.items()))
        temporary.rename(settings)

    return change


@pytest.fixture
def sampler(tmp_path):
    """A sampler and what it said; stopped after the test."""
    said = []
    begun = Sampler(tmp_path, said.append)
    yield begun, said
    begun.stop()


def test_a_driver_that_hangs_in_the_midst_costs_its_own_readings_and_no_time_at_the_end(
    pretend, request, wait_until, monkeypatch
):
    sampler, said = request.getfixturevalue("sampler")
    wait_until(lambda: said and len(said[-1]["gpus"]) == 2)
    pretend(NVML_HANG=3600)
    before = len(said)
    wait_until(lambda: said[-1]["gpus"][0].get("stale") and len(said) > before + 2)
    assert said[-1]["cpu"] is not None
    child = psutil.Process(sampler.pid)
    sampler.stop()  # whoever waited for the driver here would wait for an hour
    wait_until(lambda: not child.is_running())


def test_a_gpu_that_gets_lost_keeps_its_place_and_the_others_go_on(pretend, request, wait_until):
    _sampler, said = request.getfixturevalue("sampler")
    wait_until(lambda: said and len(said[-1]["gpus"]) == 2)
    pretend(NVML_LOST="0:1")
    wait_until(lambda: all(sample["gpus"][0].get("lost") for sample in said[-3:]))
    assert said[-1]["gpus"][0]["name"] and said[-1]["gpus"][1]["util"] is not None


def test_the_child_ends_when_its_reader_is_gone(tmp_path, wait_until):
    import subprocess

    code = (
        "import sys, time; from pathlib import Path; from tarot_tui.jobs.sampler import Sampler; "
        "print(Sampler(Path('.'), lambda sample: None).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as reader:
        child = identity.of(int(reader.stdout.readline()))
        reader.kill()
    wait_until(lambda: not identity.is_alive(child))
