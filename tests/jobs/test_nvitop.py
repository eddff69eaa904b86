"""nvitop, an independent reader of NVML, sees on the stand-in what we see on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv

import pytest
from fakes import nvml

pytestmark = pytest.mark.external

#: Of each GPU: load, memory in use and in all, temperature, power, and who computes on it; null for what is not said.
OURS = """
import json, time
from tarot_tui.jobs import hardware
while not (found := hardware.gpus()):
    time.sleep(0.02)
keys = ("util", "mem_used", "mem_total", "temp", "power")
print(json.dumps([[*map(gpu.get, keys), [one["pid"] for one in gpu["processes"] or []]] for gpu in found]))
"""
THEIRS = """
import json
from nvitop import NA, Device
def said(value, unit=1):
    return None if value is NA else value / unit if unit > 1 else value
print(json.dumps([
    [said(gpu.gpu_utilization()), said(gpu.memory_used()), said(gpu.memory_total()), said(gpu.temperature()),
     said(gpu.power_usage(), 1000), sorted(gpu.processes())]
    for gpu in Device.all()
]))
"""


@pytest.fixture(scope="module")
def python_with_nvitop(tmp_path_factory) -> str:
    """``TAROT_NVITOP_PYTHON``, or an environment of its own with nvitop from the package index."""
    if given := os.environ.get("TAROT_NVITOP_PYTHON"):
        return given
    folder = tmp_path_factory.mktemp("nvitop")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", "nvitop==1.7.2"], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"nvitop cannot be installed here: {done.stderr.strip()[-200:]}")
    return python


@pytest.mark.parametrize("count", [1, 8, 16])
def test_nvitop_shows_the_same_numbers(python_with_nvitop, tmp_path, count):
    environment = nvml.environment(
        nvml.build(tmp_path),
        NVML_GPUS=count,
        NVML_STILL=1,
        NVML_LOST="5:1",
        NVML_TEMP="2:86",
        NVML_USED="3:81000",
        NVML_UTIL="4:7",
        NVML_PROCESSES=f"0:{os.getpid()}",
    )
    seen = [
        json.loads(
            subprocess.run([python, "-c", code], env=environment, capture_output=True, check=True).stdout
        )
        for python, code in ((sys.executable, OURS), (python_with_nvitop, THEIRS))
    ]
    assert len(seen[0]) == count
    assert seen[0] == seen[1]
