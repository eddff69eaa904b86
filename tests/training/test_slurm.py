"""Slurm: the script it is given, what is said of a job that waits there, and (marked) a real one on the loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.jobs import control, files, slurm, status
from tarot_tui.jobs.spec import read_spec
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import dump
from tarot_tui.training.slurm import elsewhere, layout_for, make

#: Answers as squeue, sbatch and scancel do, from the file beside it; notes what it was asked.
STAND_IN = """#!/bin/sh
folder=$(dirname "$0")
echo "$(basename "$0") $*" >> "$folder/asked"
cat "$folder/$(basename "$0").says" 2>/dev/null
cat "$folder/$(basename "$0").complains" >&2 2>/dev/null && exit 1
exit 0
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Commands of Slurm that say what they are told to: for what the real one says only now and then."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("sbatch", "squeue", "scancel"):
        (place / name).write_text(STAND_IN)
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "_FRESH", -1.0)  # ask every time
    (place / "sbatch.says").write_text("17\n")
    return place


@pytest.fixture(scope="module")
def plan_of_cards(finished, tiny_recipe):
    """A recipe and its plan."""
    from tarot_tui.project import find

    recipe = tiny_recipe(num_train_epochs=2)
    return recipe, plan_in_child(find(finished), recipe)


@pytest.fixture
def submitted(cards, plan_of_cards, stand_in):
    """A run that was given to Slurm."""
    recipe, plan = plan_of_cards
    job = make(cards, recipe, elsewhere(plan, {}), "submitted", layout_for({}, 1), {"time": "1:00:00"})
    assert slurm.submit(job) == "17"
    return job


def test_the_script_saves_in_time_and_gives_the_job_back(cards, plan_of_cards):
    recipe, plan = plan_of_cards
    options = {"partition": "gpu", "nodes": "2", "gpus": "4", "time": "12:00:00", "exclusive": ""}
    parallel = layout_for(options, 1)
    job = make(cards, recipe, elsewhere(plan, options), "two by two", parallel, options)
    lines = (job / slurm.SCRIPT).read_text().splitlines()
    told = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert told == {
        f"job-name={job.name}", "output=slurm.out", "open-mode=append", "requeue", "signal=TERM@120",
        "ntasks-per-node=1", "nodes=2", "gpus-per-node=2", "partition=gpu", "time=12:00:00", "exclusive",
    }  # fmt: skip
    assert subprocess.run(["bash", "-n", job / slurm.SCRIPT]).returncode == 0
    spec = read_spec(job)
    assert (spec["request"]["device"]["kind"], spec["request"]["parallel"]["num_processes"]) == ("cuda", 4)
    assert spec["retries"][0]["causes"] == ["cuda_oom"]


def test_what_is_only_true_of_the_login_node_does_not_count(plan_of_cards):
    from tarot_tui.findings import Finding

    recipe, plan = plan_of_cards
    here = [
        Finding(name, "error", "not here")
        for name in ("memory.over", "device.cpu", "precision.bf16_emulated", "flash_attn.needs_16_bits")
    ]
    assert elsewhere(replace(plan, findings=[*here, *plan.findings]), {"gpus": "1"}).findings == plan.findings


def test_options_that_a_script_cannot_hold_are_refused(cards, plan_of_cards):
    recipe, plan = plan_of_cards
    for options in ({"time": "1:00\n#SBATCH --uid=0"}, {"partition": "a b"}, {"x;y": "1"}):
        with pytest.raises(BadInput):
            make(cards, recipe, elsewhere(plan, options), "odd", layout_for(options, 1), options)
    with pytest.raises(BadInput, match="number"):
        layout_for({"gpus": "a100:2"}, 1)
    with pytest.raises(BadInput, match="3 processes"):
        layout_for({"gpus": "3", "nodes": "2"}, 1)


def test_a_job_that_waits_says_why_and_can_be_taken_back(submitted, stand_in):
    (stand_in / "squeue.says").write_text("PENDING|Resources|\n")
    found = status.read(submitted)
    assert (found.state, found.reason) == ("queued", "Slurm job 17 waits: Resources.")
    with pytest.raises(Refused, match="already"):
        control.resume(submitted)
    with pytest.raises(Refused):
        control.request(submitted, "save")
    control.request(submitted, "stop")
    assert "scancel 17" in (stand_in / "asked").read_text()
    (stand_in / "squeue.says").unlink()
    (stand_in / "squeue.complains").write_text("slurm_load_jobs error: Invalid job id specified\n")
    assert status.read(submitted).state == "stopped"
    (stand_in / "sbatch.says").write_text("18\n")
    control.resume(submitted)
    assert slurm.number(submitted) == "18"


def test_an_sbatch_that_says_no_number_is_quoted_without_its_control_characters(submitted, stand_in):
    (stand_in / "squeue.complains").write_text("slurm_load_jobs error: Invalid job id specified\n")
    (stand_in / "sbatch.says").write_text("\x1b[2Jwelcome\n")
    with pytest.raises(TarotError, match="number of the job") as raised:
        slurm.submit(submitted)
    assert "welcome" in str(raised.value) and "\x1b" not in str(raised.value)


def test_a_job_that_slurm_lost_is_lost_and_one_of_which_nobody_knows_is_left_as_it_is(submitted, stand_in):
    (stand_in / "squeue.says").write_text("RUNNING|None|n0\n")
    assert (status.read(submitted).state, status.read(submitted).cause) == ("starting", "slurm")
    (stand_in / "squeue.complains").write_text("slurm_load_jobs error: Unable to contact slurm controller\n")
    assert status.read(submitted).state == "queued"
    (stand_in / "squeue.complains").write_text("slurm_load_jobs error: Invalid job id specified\n")
    found = status.read(submitted)
    assert found.state == "lost" and "slurm.out" in found.reason


def test_what_was_told_to_end_waits_again_and_what_finished_does_not(submitted, stand_in):
    (stand_in / "squeue.says").write_text("PENDING|BeginTime|\n")
    for state, seen in (("stopped", "queued"), ("finished", "finished"), ("failed", "queued")):
        files.write_json(submitted / files.STATUS, {"state": state, "step": 6, "total": 6, "attempt": 1})
        assert status.read(submitted).state == seen


def test_the_command_submits_and_refuses_what_makes_no_sense(cards, tiny_recipe, stand_in, capsys):
    (cards.recipes / "cards.yaml").write_text(dump(tiny_recipe(num_train_epochs=2)))
    typed = ["--project", str(cards.root), "--json", "train", "cards"]
    assert main([*typed, "--partition", "gpu"]) == BadInput.exit_code
    assert main([*typed, "--slurm", "--queue"]) == BadInput.exit_code
    capsys.readouterr()
    (stand_in / "squeue.says").write_text("PENDING|Priority|\n")
    assert main([*typed, "--slurm", "--sbatch", "constraint=a100"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["state"], said["slurm"]) == ("queued", "17")
    assert "#SBATCH --constraint=a100" in (cards.jobs / said["job"] / slurm.SCRIPT).read_text()


CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
SlurmUser=root
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool-%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd-%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName=n[0-1] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{second}] CPUs=2 State=UNKNOWN
PartitionName=main Nodes=n[0-1] Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Slurm of two machines, both of them this one: Debian's ``slurm-wlm`` and ``munge``."""
    if not all(shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("slurmctld", "slurmd", "munged")):
        pytest.skip("Debian's slurm-wlm and munge are not installed")
    if os.geteuid():
        pytest.skip("only root may start Slurm here")
    place = tmp_path_factory.mktemp("slurm")
    ports = _free_ports(3)
    (place / "slurm.conf").write_text(
        CONFIGURATION.format(
            host=socket.gethostname(), place=place, port=ports[0], first=ports[1], second=ports[1] + 1
        )
    )
    (place / "state").mkdir()
    (place / "munge.key").write_bytes(os.urandom(1024))
    (place / "munge.key").chmod(0o600)
    munge = [
        f"--{name}={place}/munge.{name.partition('-')[0]}" for name in ("key-file", "socket", "pid-file")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(place / "slurm.conf"))
        patch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/usr/bin")
        for command in (
            ["munged", *munge, f"--log-file={place}/munge.log", f"--seed-file={place}/munge.seed", "--force"],
            ["slurmctld"],
            ["slurmd", "-N", "n0"],
            ["slurmd", "-N", "n1"],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        wait_until(lambda: _said("sinfo", "-h", "-o", "%T %D") == "idle 2", 60)
        yield place
        for job in _said("squeue", "-h", "-o", "%i").split():
            _said("scancel", job)
        for pid_file in [*place.glob("slurm*.pid"), place / "munge.pid"]:
            os.kill(int(pid_file.read_text()), 15)


def _free_ports(_count: int) -> list[int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return [one.getsockname()[1], two.getsockname()[1]]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()


def wait_until(condition, seconds=150):
    """Return what the condition gave once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.2)
    return found


@pytest.fixture
def train(cards, tiny_recipe, cluster, monkeypatch, capsys):
    """Types ``tarot-tui train --slurm`` and gives the run's folder."""
    monkeypatch.setattr(slurm, "_FRESH", 0.5)

    def type_it(*options: str, **changed) -> Path:
        recipe = tiny_recipe(
            per_device_train_batch_size=2, gradient_accumulation_steps=2, save_steps=10, **changed
        )
        (cards.recipes / "cards.yaml").write_text(dump(recipe))
        capsys.readouterr()
        assert main(["--project", str(cards.root), "-q", "train", "cards", "--slurm", *options]) == 0
        return cards.jobs / capsys.readouterr().out.split()[-1]

    return type_it


@pytest.mark.external
def test_on_a_real_slurm_two_machines_save_in_time_are_requeued_and_finish_as_if_nothing_was(
    train, cards, train_here, metrics
):
    job = train("--nodes", "2", "--time", "30:00", max_steps=300)
    wait_until(lambda: (status.read(job).step or 0) >= 5)
    # What Slurm itself sends two minutes before the end.
    _said("scancel", "--signal=TERM", slurm.number(job))
    found = wait_until(lambda: (now := status.read(job)).state == "queued" and now)
    assert "waits" in found.reason and found.attempt == 1, (job / slurm.OUTPUT).read_text()
    # Of itself it waits two minutes; within one second it would take the new start for the old one.
    _said("scontrol", "update", f"JobId={slurm.number(job)}", "StartTime=now+5seconds")
    wait_until(lambda: status.read(job).state in ("finished", "failed"), 240)
    found = status.read(job)
    assert (found.state, found.attempt) == ("finished", 2), (job / files.LOG).read_text()
    assert "Going on after step" in (job / files.LOG).read_text()
    alone = make_job(cards, *plan_again(cards, job), "alone")
    train_here(alone)
    curve, same = metrics(job), metrics(alone)
    assert [line["current_steps"] for line in curve] == list(range(1, 301))
    assert [line["loss"] for line in curve] == pytest.approx([line["loss"] for line in same], rel=2e-3)


def plan_again(project, job):
    """The recipe of a run, and its plan."""
    from tarot_tui.training.runs import recipe_of

    recipe = recipe_of(job)
    return recipe, plan_in_child(project, recipe)


@pytest.mark.external
def test_on_a_real_slurm_what_the_user_stops_stays_stopped_until_it_is_resumed(train, cards, capsys):
    job = train(max_steps=400)
    wait_until(lambda: (status.read(job).step or 0) >= 3)
    first = slurm.number(job)
    assert main(["--project", str(cards.root), "stop", job.name]) == 0
    wait_until(lambda: not status.read(job).alive and not _said("squeue", "-h", "-j", first))
    assert (status.read(job).state, status.read(job).cause) == ("stopped", "stopped")
    done = status.read(job).step
    assert main(["--project", str(cards.root), "resume", job.name, "--set", f"max_steps={done + 3}"]) == 0
    assert slurm.number(job) != first
    wait_until(lambda: status.read(job).state == "finished")
    assert status.read(job).step == done + 3


@pytest.mark.external
def test_on_a_real_slurm_a_job_that_waits_for_its_turn_says_so_and_can_be_taken_out(train):
    job = train("--nodes", "2", "--sbatch", "begin=now+1hour", max_steps=4)
    found = wait_until(lambda: (now := status.read(job)).state == "queued" and now)
    assert found.reason == f"Slurm job {slurm.number(job)} waits: BeginTime."
    control.request(job, "kill")
    wait_until(lambda: status.read(job).state == "stopped")
