"""Which GPUs a training gets, read from a stand-in NVML in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from fakes import nvml

from tarot_tui.jobs import files, gpus, identity, spec

#: A torch for CUDA is not installed where the tests run.
CHOOSE = """
import json, sys
from pathlib import Path
from tarot_tui.jobs import gpus
from tarot_tui.project import Project
from tarot_tui.training import device
device.torch_has_cuda = lambda: True
taken = gpus.claimed(Project(Path(sys.argv[1])))
print(json.dumps([device.choose(taken).index, *(gpu.index for gpu in device.idlest(int(sys.argv[2]), taken))]))
"""


@pytest.fixture
def chosen(project, tmp_path):
    """The GPU that one process would get, then those that several would."""
    folder = nvml.build(tmp_path / "nvml")

    def ask(count, **settings):
        environment = nvml.environment(folder, NVML_STILL=1, **settings)
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        argv = [sys.executable, "-c", CHOOSE, str(project.root), str(count)]
        said = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        first, *several = json.loads(said.stdout)
        return first, several

    return ask


@pytest.fixture
def just_started(project):
    """Makes a run that holds GPUs and has not yet touched them."""

    def make(indices, supervisor=None):
        job = spec.create(project, "train", "run", ["true"], {}, {"CUDA_VISIBLE_DEVICES": indices})
        who = supervisor or identity.of(os.getpid()).as_dict()
        found = {
            "state": "starting",
            "heartbeat": time.time(),
            "attempt": 1,
            "supervisor": who,
            "worker": who,
        }
        files.write_json(job / files.STATUS, found)
        return job

    return make


def test_a_run_that_has_just_started_keeps_its_gpus_although_they_still_look_idle(chosen, just_started):
    used = {"NVML_GPUS": 4, "NVML_USED": "0:500,1:600,2:700,3:800"}
    assert chosen(2, **used) == ("0", ["0", "1"])
    just_started("0,2")
    assert chosen(2, **used) == ("1", ["1", "3"])
    # There are too few others: the idler of those that a run has.
    assert chosen(3, **used) == ("1", ["1", "3", "0"])


def test_runs_of_another_machine_and_runs_that_are_over_hold_no_gpu_here(project, just_started):
    there = identity.of(os.getpid()).as_dict() | {"boot_id": "another", "host": "elsewhere"}
    just_started("1", there)
    files.write_json(just_started("2") / files.STATUS, {"state": "finished"})
    share = just_started("3", there) / "nodes" / "1"
    share.mkdir(parents=True)
    (share / files.SPEC).write_text("argv: [x]\nenv: {CUDA_VISIBLE_DEVICES: '5'}\n")
    here = identity.of(os.getpid()).as_dict()
    files.write_json(
        share / files.STATUS,
        {"state": "running", "heartbeat": time.time(), "supervisor": here, "worker": here},
    )
    assert gpus.claimed(project) == {"5"}
