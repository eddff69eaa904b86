"""Samples that never wait, and a log that never grows without bound."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from tarot_tui.jobs import hardware
from tarot_tui.jobs.hardware import HOUR, KEPT, MINUTE, GpuReader, HardwareLog


def test_a_sample_says_what_the_machine_has(tmp_path):
    found = hardware.sample(tmp_path, rss=7)
    assert 0 <= found["cpu"] <= 100
    assert 0 < found["ram_used"] < found["ram_total"]
    assert found["disk_free"] > 0
    assert found["rss"] == 7
    assert json.loads(json.dumps(found)) == found
    assert hardware.sample(tmp_path / "gone")["disk_free"] is None


def test_a_driver_that_hangs_is_marked_and_holds_nobody_up(monkeypatch, wait_until):
    monkeypatch.setattr(hardware, "STALE", 0.1)
    hanging = threading.Event()
    readings = iter([[{"index": 0, "util": 7}]])

    def read():
        for reading in readings:
            return reading
        hanging.wait()
        raise OSError

    reader = GpuReader(read, every=0.01)
    assert wait_until(lambda: [gpu for gpu in reader.latest() if gpu.get("stale")]) == [
        {"index": 0, "util": 7, "stale": True}
    ]
    hanging.set()


#: Two GPUs, the second of which fell off the bus. Enough of nvml.h for nvidia-ml-py.
NVML = r"""
#include <string.h>
typedef struct { unsigned gpu, memory; } util;
typedef struct { unsigned long long total, free, used; } memory;
static int lost(void *gpu) { return gpu == (void *)2 ? 15 : 0; }
int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) { *gpu = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetName(void *gpu, char *name, unsigned length) { strcpy(name, "Pretend H100"); return lost(gpu); }
int nvmlDeviceGetUtilizationRates(void *gpu, util *found) { found->gpu = 42; found->memory = 7; return lost(gpu); }
int nvmlDeviceGetMemoryInfo(void *gpu, memory *found) { found->total = 80; found->free = 50; found->used = 30; return lost(gpu); }
int nvmlDeviceGetTemperature(void *gpu, unsigned sensor, unsigned *degrees) { *degrees = 61; return lost(gpu); }
typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute; } process;
int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, process *found) {
    int room = *count;
    *count = 2;
    if (found) memset(found, 0, 2 * sizeof(process));
    return lost(gpu) ? 15 : room < 2 ? 7 : 0;
}
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) { *milliwatts = 350250; return lost(gpu); }
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="builds a small NVML with the C compiler")
def test_gpus_are_read_through_nvml_also_when_one_is_lost(tmp_path):
    (tmp_path / "nvml.c").write_text(NVML)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "libnvidia-ml.so.1", "nvml.c"], cwd=tmp_path, check=True)
    code = """
import json, time
from tarot_tui.jobs import hardware
while not (found := hardware.sample()["gpus"]):
    time.sleep(0.02)
print(json.dumps(found))
"""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=30, check=True
    )
    values = {"util": 42, "mem_used": 30, "mem_total": 80, "temp": 61, "power": 350.2, "processes": 2}
    assert json.loads(done.stdout) == [
        {"index": 0, "name": "Pretend H100", **values},
        {"index": 1, "name": None, **dict.fromkeys(values)},
    ]


def test_the_log_keeps_the_last_hour_whole_and_a_sample_a_minute_before(tmp_path):
    path = tmp_path / "hardware.jsonl"
    now = 1_800_000_000
    log = HardwareLog(path)
    with open(path, "w") as file:
        for ago in range(3 * HOUR, 0, -1):
            file.write(json.dumps({"time": now - ago, "cpu": 1}) + "\n")
        file.write('{"time": 12')
    log.thin(now)
    times = [json.loads(line)["time"] for line in path.read_text().splitlines()]
    assert times == sorted(times)
    recent = [time for time in times if time >= now - HOUR]
    assert len(recent) == HOUR
    assert len(times) - len(recent) == 2 * HOUR // MINUTE
    log.append({"time": now, "cpu": 2})
    assert json.loads(path.read_text().splitlines()[-1]) == {"time": now, "cpu": 2}


def test_what_is_older_than_three_weeks_is_dropped(tmp_path):
    path = tmp_path / "hardware.jsonl"
    path.write_text("".join(f'{{"time":{time}}}\n' for time in (1.5, 1000.0, KEPT + 5.0)))
    HardwareLog(path).thin(KEPT + 10)
    assert path.read_text() == f'{{"time":1000.0}}\n{{"time":{KEPT + 5.0}}}\n'
