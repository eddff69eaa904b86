"""The files that ``accelerate launch`` is given in a run's folder: ``accelerate.yaml``, and DeepSpeed's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tarot_tui.project import Project, read_yaml
from tarot_tui.training.parallel import Layout
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.sharding import ds_config, fsdp_config, stage_of

ACCELERATE = "accelerate.yaml"
DEEPSPEED = "ds_config.json"


def launch_files(project: Project, recipe: Recipe, parallel: Layout, *, cpu: bool) -> dict[str, str]:
    """The text of each file, by its name, for the first machine.

    What a file of the user's says of where it runs is replaced, since it differs from machine to machine; everything
    else stays as it is. Raises BadInput for one that cannot be read.
    """
    import yaml

    files = {}
    config = {"compute_environment": "LOCAL_MACHINE", **_distribution(project, recipe, parallel)}
    if recipe.deepspeed and not recipe.fsdp:
        found = ds_config(project, recipe)
        files[DEEPSPEED] = json.dumps(found, indent=2) + "\n"
        config["deepspeed_config"] = {
            # Read in the run's folder, where the workers are.
            "deepspeed_config_file": DEEPSPEED,
            "deepspeed_multinode_launcher": "standard",
            "zero3_init_flag": stage_of(found) == 3,
        }
    config |= {"num_machines": parallel.num_machines, "num_processes": parallel.num_processes}
    if config.get("distributed_type") != "NO":
        config |= _meeting(parallel)
    # Mixed precision is the worker's business; DeepSpeed objects to being told here too.
    precision = {} if "deepspeed_config" in config else {"mixed_precision": "no"}
    config = {**config, **precision, "use_cpu": cpu, "debug": False}
    return {ACCELERATE: yaml.safe_dump(config, sort_keys=False), **files}


def for_machine(first: Path, machine_rank: int) -> str:
    """The text of accelerate's file for another machine, from the ``first`` one's. Raises BadInput when that is broken."""
    import yaml

    return yaml.safe_dump({**read_yaml(first), "machine_rank": machine_rank}, sort_keys=False)


def _distribution(project: Project, recipe: Recipe, parallel: Layout) -> dict[str, Any]:
    if recipe.fsdp:
        return fsdp_config(project, recipe)
    if recipe.deepspeed:
        return {"distributed_type": "DEEPSPEED"}
    # What is called MULTI_GPU is torchrun, on processors too: accelerate's own way there needs MPI.
    return {"distributed_type": "MULTI_GPU" if parallel.num_processes > 1 else "NO"}


def _meeting(parallel: Layout) -> dict[str, Any]:
    """Machines find each other at a fixed address, without torchrun's elastic rendezvous, whose dead would be waited for."""
    return {
        "machine_rank": 0,
        "main_process_ip": parallel.main_process_ip or None,
        "main_process_port": parallel.main_process_port,
        "rdzv_backend": "static",
        "same_network": True,
    }
