"""Samples that never wait, and a log that never grows without bound."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import threading

import pytest
from fakes import nvml

from tarot_tui.jobs import gpu_reader, hardware
from tarot_tui.jobs.gpu_reader import GpuReader
from tarot_tui.jobs.hardware import HOUR, KEPT, MINUTE, HardwareLog, Rates


@pytest.fixture(scope="module")
def nvml_folder(tmp_path_factory):
    """Where the stand-in NVML lies."""
    return nvml.build(tmp_path_factory.mktemp("nvml"))


def test_a_sample_says_what_the_machine_has(tmp_path):
    found = hardware.sample(tmp_path, rss=7)
    assert 0 <= found["cpu"] <= 100
    assert 0 < found["ram_used"] < found["ram_total"]
    assert found["disk_free"] > 0
    assert found["rss"] == 7
    assert json.loads(json.dumps(found)) == found
    assert hardware.sample(tmp_path / "gone")["disk_free"] is None


def test_a_driver_that_hangs_is_marked_with_its_age_and_holds_nobody_up(monkeypatch, wait_until):
    monkeypatch.setattr(gpu_reader, "STALE", 0.1)
    hanging = threading.Event()
    answers = iter([[{"index": 0, "util": 7}]])

    def read():
        for answer in answers:
            return answer
        hanging.wait()
        raise LookupError

    reader = GpuReader(read, every=0.01)
    (gpu,) = wait_until(lambda: [gpu for gpu in reader.latest() if "stale" in gpu])
    assert gpu.pop("stale") in range(60) and gpu == {"index": 0, "util": 7}
    hanging.set()
    wait_until(lambda: reader.ended)


def test_a_driver_that_breaks_down_later_leaves_its_last_reading_and_says_why(wait_until):
    answers = iter([[{"index": 0, "util": 7}]])

    def read():
        for answer in answers:
            return answer
        raise OSError("Driver Not Loaded")

    reader = GpuReader(read, every=0.01)
    assert wait_until(lambda: reader.problem) == "Driver Not Loaded"
    assert not reader.ended and reader.latest() == [{"index": 0, "util": 7}]


def readings(nvml_folder, enough, **settings):
    """What a process of its own reads of the pretended GPUs, once ``enough`` of a sample (an expression) holds."""
    code = f"""
import json, time
from tarot_tui.jobs import hardware
while not ({enough}):
    time.sleep(0.02)
print(json.dumps(hardware.sample()))
"""
    environment = nvml.environment(nvml_folder, NVML_STILL=1, **settings)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=120, check=True
    )
    return json.loads(done.stdout)


def test_gpus_are_read_through_nvml_also_when_one_is_lost(nvml_folder):
    found = readings(
        nvml_folder,
        "hardware.gpus()",
        NVML_GPUS=3,
        NVML_LOST="1:1",
        NVML_THROTTLE="2:0x44",
        NVML_PROCESSES=f"0:{os.getpid()},0:4000000",
    )["gpus"]
    me = pwd.getpwuid(os.getuid()).pw_name
    first = {
        "index": 0,
        "name": "NVIDIA H100 80GB HBM3",
        "util": 88,
        "temp": 58,
        "power": 560.0,
        "power_limit": 700.0,
    }
    half = found[0]["mem_used"] // 2
    assert found[0] == first | {
        "mem_used": 61234 << 20,
        "mem_total": 81559 << 20,
        "processes": [{"pid": os.getpid(), "user": me, "mem": half}, {"pid": 4000000, "mem": half}],
    }
    assert found[1]["lost"] and found[1]["util"] is None
    assert found[2]["slowed"] == ["power", "heat"] and found[2]["processes"] == []


def test_a_gpu_that_is_cut_into_instances_names_the_memory_of_each(nvml_folder):
    (gpu,) = readings(nvml_folder, "hardware.gpus()", NVML_MIG="0:2")["gpus"]
    assert gpu["util"] is None
    assert [part["mem_total"] for part in gpu["parts"]] == [(81559 // 2) << 20] * 2


def test_functions_that_a_driver_does_not_have_cost_their_value_only(nvml_folder):
    lacking = "nvmlDeviceGetPowerUsage,nvmlDeviceGetMigMode,nvmlDeviceGetComputeRunningProcesses_v3"
    (gpu,) = readings(nvml_folder, "hardware.gpus()", NVML_MISSING=lacking)["gpus"]
    assert (gpu["power"], gpu["processes"], gpu["util"]) == (None, None, 88)


def test_a_driver_that_does_not_fit_says_so_and_no_gpus_at_all_say_nothing(nvml_folder):
    found = readings(nvml_folder, "not hardware.has_gpus()", NVML_MISMATCH=1)
    assert found["gpus"] == [] and "mismatch" in found["gpu_problem"]
    none = readings(nvml_folder, "True", NVML_GPUS=0)
    assert none["gpus"] == [] and "gpu_problem" not in none


def test_reading_gpus_brings_little_that_is_not_needed_for_it(nvml_folder):
    code = """
import sys, time
from tarot_tui.jobs import hardware
while not hardware.gpus():
    time.sleep(0.02)
print({"psutil", "subprocess", "tempfile", "ctypes.util"} & set(sys.modules))
from ctypes.util import find_library  # which is as ever for whoever asks for it
print(find_library.__module__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=nvml.environment(nvml_folder),
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == [b"set()", b"ctypes.util"]


def test_rates_are_what_went_through_since_the_look_before(monkeypatch):
    clock, counted = [100.0], [{"net_in": 5000}, {"net_in": 9000, "disk_read": 7}, {"net_in": 10}]
    monkeypatch.setattr(hardware.time, "monotonic", lambda: clock[0])
    rates = Rates(lambda: counted.pop(0))
    clock[0] += 2
    assert rates.now() == {"net_in": 2000, "disk_read": 0}
    assert rates.now() == {"net_in": 0}


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
