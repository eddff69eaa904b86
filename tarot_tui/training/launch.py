"""A recipe becomes a job: planned, written down whole, and started."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tarot_tui.errors import Refused
from tarot_tui.jobs.launch import start
from tarot_tui.jobs.spec import create
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.training.device import cpu_threads
from tarot_tui.training.plan import Plan, plan_in_child
from tarot_tui.training.recipe import Recipe, dump


def launch(
    project: Project,
    recipe: Recipe,
    slug: str | None = None,
    plan: Plan | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Start training ``recipe`` as a job named after ``slug`` (default: its datasets) and return the job's folder.

    plan: of this recipe, if it was just made. Raises Refused when the plan has errors, and what
    :func:`.plan.plan_in_child` and :func:`tarot_tui.jobs.launch.start` raise.

    """
    folder = make_job(project, recipe, plan or plan_in_child(project, recipe, say), slug)
    start(folder)
    return folder


def make_job(project: Project, recipe: Recipe, plan: Plan, slug: str | None = None) -> Path:
    """The job's folder, ready to start: ``job.yaml``, ``recipe.yaml``, ``accelerate.yaml``.

    Its ``request`` holds every key of the recipe, and from the plan ``base`` (the model's folder),
    ``base_fingerprint``, ``dataset_sha256``, ``device``, ``precision`` and ``steps``. Raises Refused when the plan has
    errors.
    """
    if plan.refused:
        worst = plan.findings[0]
        fix = " " + _("fix: {fix}").format(fix=worst.fix) if worst.fix else ""
        raise Refused(_("Not started: {reason}").format(reason=worst.text) + fix)
    known = ("base", "base_fingerprint", "dataset_sha256", "device", "precision", "steps")
    request = recipe.model_dump() | {name: getattr(plan, name) for name in known}
    name = slug or "-".join(recipe.dataset)
    folder = create(
        project,
        "train",
        name,
        command(),
        request,
        environment(plan),
        total=plan.steps,
        title=_("train {name}").format(name=name),
    )
    write_text(folder / "recipe.yaml", dump(recipe))
    write_text(folder / "accelerate.yaml", accelerate_config(plan))
    return folder


def command() -> list[str]:
    """The worker's command line. Everything is said, so that no configuration of the user's home is read."""
    return [
        "{python}", "-m", "accelerate.commands.launch",
        "--config_file", "{job}/accelerate.yaml",
        "--num_cpu_threads_per_process", str(cpu_threads()),
        # Its own traceback would only say that the worker failed, below the worker's words.
        "--quiet",
        "-m", "tarot_tui.training.engines.native",
    ]  # fmt: skip


def environment(plan: Plan) -> dict[str, str]:
    """What the worker needs in its environment: the one GPU that was chosen, and no way to the hub."""
    if plan.device["kind"] == "cuda":
        # NVML counts GPUs by their place on the bus; CUDA by speed unless told.
        chosen = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": plan.device["index"]}
    else:
        chosen = {name: value for name, value in _ON_A_CPU.items() if name not in os.environ}
    return {"HF_HUB_OFFLINE": "1", **chosen}


#: Threads of OpenMP that wait for each other in a busy loop, as they do by default, make a training more than ten times
#: slower as soon as anything else runs on the machine. And memory that the forward pass frees must be there for the
#: backward pass, which is another thread with, by default, another arena: a third of the peak.
_ON_A_CPU = {"OMP_WAIT_POLICY": "PASSIVE", "MALLOC_ARENA_MAX": "1"}


def accelerate_config(plan: Plan) -> str:
    """accelerate's configuration file: one process on one machine; mixed precision is the worker's business."""
    import yaml

    cpu = plan.device["kind"] == "cpu"
    return yaml.safe_dump(
        {
            "compute_environment": "LOCAL_MACHINE",
            "distributed_type": "NO",
            "num_machines": 1,
            "num_processes": 1,
            "mixed_precision": "no",
            "use_cpu": cpu,
            "debug": False,
        },
        sort_keys=False,
    )
