"""A recipe becomes a job: planned, written down whole, and started; on more machines, joined."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, Refused
from tarot_tui.findings import Finding, worst_first
from tarot_tui.jobs import gpus, nodes
from tarot_tui.jobs.launch import start
from tarot_tui.jobs.spec import create, read_spec
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.text import size
from tarot_tui.training import sharding
from tarot_tui.training.device import Device, cpu_threads, idlest
from tarot_tui.training.ladder import RECIPE, retries
from tarot_tui.training.launch_files import ACCELERATE, for_machine, launch_files
from tarot_tui.training.parallel import Layout, layout_of, shared
from tarot_tui.training.plan import Plan, plan_in_child
from tarot_tui.training.recipe import Recipe, dump

_ALONE = Layout()


def launch(
    project: Project,
    recipe: Recipe,
    slug: str | None = None,
    plan: Plan | None = None,
    say: Callable[[str], None] = lambda line: None,
    parallel: Layout = _ALONE,
) -> Path:
    """Start training ``recipe`` as a job named after ``slug`` (default: its datasets) and return the job's folder.

    plan: of this recipe, if it was just made. parallel: on how many processes and machines; the other machines then
    :func:`join`. Raises Refused when the plan has errors, and what :func:`make_job`, :func:`.plan.plan_in_child` and
    :func:`tarot_tui.jobs.launch.start` raise.
    """
    folder = make_job(project, recipe, plan or plan_in_child(project, recipe, say), slug, parallel)
    start(folder)
    return folder


def make_job(
    project: Project,
    recipe: Recipe,
    plan: Plan,
    slug: str | None = None,
    parallel: Layout = _ALONE,
    devices: list[Device] | None = None,
) -> Path:
    """The job's folder, ready to start: ``job.yaml``, ``recipe.yaml``, and :func:`.launch_files`.

    Its ``request`` holds every key of the recipe, from the plan ``base`` (the model's folder), ``base_fingerprint``,
    ``adapter_sha256``, ``dataset_sha256``, ``device``, ``precision`` and ``steps``, and ``parallel`` (see :class:`.parallel.Layout`).
    devices: to run on, instead of the idlest.
    Raises Refused when the plan has errors or there are too few GPUs, BadInput when a step cannot be divided.
    """
    plan = judged(project, recipe, plan, parallel)
    if plan.refused:
        worst = plan.findings[0]
        fix = " " + _("fix: {fix}").format(fix=worst.fix) if worst.fix else ""
        raise Refused(_("Not started: {reason}").format(reason=worst.text) + fix)
    shared(recipe, parallel.num_processes)
    files = launch_files(project, recipe, parallel, cpu=plan.device["kind"] == "cpu")
    request = recipe.model_dump() | facts_of(plan) | {"device": plan.device}
    name = slug or "-".join(recipe.dataset)
    folder = create(
        project,
        "train",
        name,
        command(parallel),
        request | {"parallel": parallel.as_dict()},
        environment(devices or _devices(project, plan, parallel)),
        total=plan.steps,
        **retries(recipe, plan.device["kind"], plan.length, plan.steps, parallel.num_processes),
        title=_("train {name}").format(name=name),
    )
    write_text(folder / RECIPE, dump(recipe))
    for file, text in files.items():
        write_text(folder / file, text)
    return folder


def facts_of(plan: Plan) -> dict[str, Any]:
    """What the request of a run keeps of its plan, beside the device: what it begins with, and how it computes."""
    kept = ("base", "base_fingerprint", "adapter_sha256", "dataset_sha256", "precision", "steps", "memory")
    return {name: getattr(plan, name) for name in kept}


def judged(project: Project, recipe: Recipe, plan: Plan, parallel: Layout) -> Plan:
    """``plan`` with what there is to say of sharing the model out among the processes; the same when said again.

    Raises BadInput for a file of the user's that cannot be read.
    """
    count = parallel.num_processes
    found = [*plan.findings, *sharding.findings(project, recipe, count, plan.device["kind"])]
    spared = sharding.spared(project, recipe, count, plan.memory)
    others = [one for one in found if one.id != "memory.over"]
    if spared and others != found:
        found = others + _over(plan, plan.memory["low"] - spared, plan.memory["high"] - spared)
    return replace(plan, findings=worst_first(list(dict.fromkeys(found))))


def _over(plan: Plan, low: int, high: int) -> list[Finding]:
    """The finding of a GPU's share that does not fit, or perhaps not."""
    free = plan.device["free"]
    if high <= free or not plan.device["total"]:
        return []
    text = _("Each GPU's share needs about {low} to {high} of memory; {device} has {free} free.").format(
        low=size(low), high=size(high), device=plan.device["name"], free=size(free)
    )
    return [Finding("memory.over", "error" if low > free else "warning", text)]


def join(job: Path, machine_rank: int) -> Path:
    """Start this machine's share of ``job``, which the first machine started, and return the share's folder.

    Raises BadInput for a job or a number that does not fit, Refused when this machine's share is already running.
    """
    spec = read_spec(job)
    parallel = layout_of(spec["request"])
    if not 0 < machine_rank < parallel.num_machines:
        raise BadInput(
            _("{job} runs on {machines} machines: --machine-rank is a number from 1 to {last}.").format(
                job=job.name, machines=parallel.num_machines, last=parallel.num_machines - 1
            )
        )
    devices = idlest(parallel.here, gpus.claimed(Project(job.parent.parent)))
    folder = nodes.make(job, machine_rank, spec, command(parallel), environment(devices))
    write_text(folder / ACCELERATE, for_machine(job / ACCELERATE, machine_rank))
    start(folder)
    return folder


def command(parallel: Layout = _ALONE) -> list[str]:
    """The worker's command line. Everything is said, so that no configuration of the user's home is read."""
    return [
        "{python}", "-m", "tarot_tui.training.engines.accelerated",
        "--config_file", f"{{job}}/{ACCELERATE}",
        "--num_cpu_threads_per_process", str(max(1, cpu_threads() // parallel.here)),
        "-m", "tarot_tui.training.engines.native",
    ]  # fmt: skip


def environment(devices: list[Device]) -> dict[str, str]:
    """What the workers need in their environment: the GPUs that were chosen, and no way to the hub."""
    if devices[0].kind == "cuda":
        # NVML counts GPUs by their place on the bus; CUDA by speed unless told.
        indices = ",".join(device.index for device in devices)
        chosen = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": indices}
    else:
        chosen = {name: value for name, value in _ON_A_CPU.items() if name not in os.environ}
    return {"HF_HUB_OFFLINE": "1", **chosen}


def _devices(project: Project, plan: Plan, parallel: Layout) -> list[Device]:
    if parallel.here == 1:
        return [Device(**plan.device)]
    return idlest(parallel.here, gpus.claimed(project))


#: Threads of OpenMP that wait for each other in a busy loop, as they do by default, make a training more than ten times
#: slower as soon as anything else runs on the machine. And memory that the forward pass frees must be there for the
#: backward pass, which is another thread with, by default, another arena: a third of the peak. In 16 bits oneDNN, and
#: torch's layer above it, keep a thousand programs that they made for single shapes; batches without padding come in
#: hundreds of lengths, and the programs would take as much memory as the rest. All layers of a step share a few dozen.
_ON_A_CPU = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_ARENA_MAX": "1",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "LRU_CACHE_CAPACITY": "64",
}
