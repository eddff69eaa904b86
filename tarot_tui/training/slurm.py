"""A training as a job of Slurm: the script for sbatch, and what it runs on each of its machines.

``python -m tarot_tui.training.slurm FOLDER`` is the task of one machine: the run's own supervisor, which stays. It hears
Slurm's SIGTERM before the time is up, lets the training save, and ends with :data:`tarot_tui.jobs.slurm.REQUEUE`, on
which the script gives the job back to Slurm. However it was begun, it goes on from the last complete checkpoint.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.jobs import files, nodes, slurm, status, supervisor
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml, write_text
from tarot_tui.text import one_line
from tarot_tui.training.device import Device, idlest, precision
from tarot_tui.training.engines.checkpoints import last_complete
from tarot_tui.training.launch import command, environment, make_job
from tarot_tui.training.launch_files import ACCELERATE, for_machine
from tarot_tui.training.parallel import Layout, layout, layout_of
from tarot_tui.training.plan import Plan
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.runs import recipe_of

#: Seconds before the end at which Slurm warns; a checkpoint must be written by then.
_WARNING = 120
#: What is only true of the machine that submits.
_OF_THIS_MACHINE = ("memory.", "device.", "precision.", "flash_attn.needs_16_bits")
#: Seconds that the other machines wait for the first one to say where it is.
_MEETING = 120.0


def layout_for(options: Mapping[str, str], processes: int) -> Layout:
    """How many processes on how many machines: one for each GPU that is asked for, else ``processes``.

    options: sbatch's, by their long names without dashes. Raises BadInput for numbers that do not fit.
    """
    machines = _whole(options, "nodes", 1)
    gpus = _whole(options, "gpus", 0)
    return layout(gpus or processes, machines, "slurm")


def elsewhere(plan: Plan, options: Mapping[str, str]) -> Plan:
    """``plan`` for a machine that is not known yet: without what is said of this one's memory and GPU."""
    found = [one for one in plan.findings if not one.id.startswith(_OF_THIS_MACHINE)]
    if not _whole(options, "gpus", 0):
        return replace(plan, findings=found)
    gpu = Device("cuda", "", _("a GPU of Slurm's"), 0, 0, bf16=True)
    return replace(plan, findings=found, device=gpu.as_dict())


def make(
    project: Project,
    recipe: Recipe,
    plan: Plan,
    slug: str,
    parallel: Layout,
    options: Mapping[str, str],
) -> Path:
    """The folder of a run with its ``slurm.sh``, ready for :func:`tarot_tui.jobs.slurm.submit`.

    plan: of :func:`elsewhere`. Raises what :func:`.launch.make_job` raises, BadInput for an option that sbatch's script
    cannot hold.
    """
    lines = directives(options, parallel)
    folder = make_job(project, recipe, plan, slug, parallel, [Device(**plan.device)])
    write_text(folder / slurm.SCRIPT, script(folder, lines))
    return folder


def script(folder: Path, told: list[str]) -> str:
    """What sbatch is given: the directives (``told``, and those that every run has), and one task a machine."""
    # Started in the job's folder, Python must not import what happens to lie there.
    task = shlex.join([sys.executable, "-P", "-m", "tarot_tui.training.slurm", str(folder.absolute())])
    options = [f"--job-name={shlex.quote(folder.name)}", f"--output={slurm.OUTPUT}", "--open-mode=append",
               "--requeue", f"--signal=TERM@{_WARNING}", "--ntasks-per-node=1", *told]  # fmt: skip
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {option}" for option in options),
            "code=0",
            "srun --kill-on-bad-exit=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task=$SLURM_CPUS_PER_TASK} \\",
            f"    {task} || code=$?",
            f'if [ "$code" -eq {slurm.REQUEUE} ]; then',
            '    scontrol requeue "$SLURM_JOB_ID" && exit 0',
            "fi",
            'exit "$code"',
            "",
        ]
    )


def directives(options: Mapping[str, str], parallel: Layout) -> list[str]:
    """sbatch's options as its script holds them. Raises BadInput for one that it cannot hold."""
    told = {key: value for key, value in options.items() if key not in ("nodes", "gpus")}
    told["nodes"] = str(parallel.num_machines)
    if _whole(options, "gpus", 0):
        told["gpus-per-node"] = str(parallel.here)
    for key, value in told.items():
        if not re.fullmatch(r"[\w-]+", key) or not re.fullmatch(r"[\w@%+=:,./\[\]()*&|-]*", value):
            raise BadInput(
                _("--{option} {value}: a line of sbatch's script cannot hold this.").format(
                    option=one_line(key, 40), value=one_line(value, 80)
                )
            )
    return [f"--{key}={value}" if value else f"--{key}" for key, value in told.items()]


def main(argv: list[str]) -> int:
    """This machine's task for the job in ``argv[0]``; the exit code."""
    job = Path(argv[0])
    rank = int(os.environ.get("SLURM_NODEID") or 0)
    if rank:
        supervisor.stay(_share(job, rank))
        return 0  # the first machine's word is the job's
    if status.read(job).state == "finished":
        return 0
    _settle(job)
    if supervisor.stay(job):
        raise TarotError(_("{job} is already running.").format(job=job.name))
    found = status.parse(files.read_json(job / files.STATUS))
    if found.cause == supervisor.TOLD_TO_END:
        return slurm.REQUEUE
    return 0 if found.state in ("finished", "stopped") else 1


def _settle(job: Path) -> None:
    """Write down what only this machine knows: its devices, and where the others find it."""
    spec = read_spec(job)
    request = spec["request"]
    parallel = layout_of(request)
    if parallel.num_machines > 1:
        host = os.environ.get("SLURM_LAUNCH_NODE_IPADDR") or socket.gethostname()
        parallel = replace(parallel, main_process_ip=host, main_process_port=_free_port())
    devices = idlest(parallel.here)
    if request["device"]["kind"] == "cuda" and devices[0].kind != "cuda":
        raise TarotError(_("Slurm gave this machine no GPU that torch can use."))
    new: dict[str, Any] = {"device": devices[0].as_dict(), "parallel": parallel.as_dict()}
    if last_complete(job, parallel.num_processes) is None:
        new["precision"] = precision(recipe_of(job), devices[0])
    rewrite(job, request={**request, **new}, argv=command(parallel), env=_environment(devices))
    config = read_yaml(job / ACCELERATE)
    if parallel.num_processes > 1:
        config |= {"main_process_ip": parallel.main_process_ip or None,
                   "main_process_port": parallel.main_process_port}  # fmt: skip
    import yaml

    config["use_cpu"] = devices[0].kind == "cpu"
    write_text(job / ACCELERATE, yaml.safe_dump(config, sort_keys=False))
    files.write_json(job / slurm.FILE, {**files.read_json(job / slurm.FILE), "settled": _this_start()})


def _share(job: Path, rank: int) -> Path:
    """This machine's share of the job, once the first machine has said where it is. Raises TarotError when it does not."""
    deadline = time.monotonic() + _MEETING
    while files.read_json(job / slurm.FILE).get("settled") != _this_start():
        if time.monotonic() > deadline:
            raise TarotError(_("The first machine of {job} did not begin.").format(job=job.name))
        time.sleep(0.5)
    spec = read_spec(job)
    parallel = layout_of(spec["request"])
    folder = nodes.make(job, rank, spec, command(parallel), _environment(idlest(parallel.here)))
    write_text(folder / ACCELERATE, for_machine(job / ACCELERATE, rank))
    return folder


def _environment(devices: list[Device]) -> dict[str, str]:
    # Which GPUs are ours Slurm has said in the environment already.
    return {key: value for key, value in environment(devices).items() if key != "CUDA_VISIBLE_DEVICES"}


def _this_start() -> str:
    return f"{os.environ.get('SLURM_JOB_ID')}.{os.environ.get('SLURM_RESTART_COUNT') or 0}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]


def _whole(options: Mapping[str, str], key: str, default: int) -> int:
    value = options.get(key, "")
    if value and not value.isdigit():
        raise BadInput(_("--{option} {value}: a number is needed here.").format(option=key, value=value))
    return int(value) if value else default


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.exit_code)
