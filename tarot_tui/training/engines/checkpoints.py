"""Which checkpoint a run can go on from."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

_NAME = re.compile(r"checkpoint-(\d+)")


def last_complete(folder: Path, processes: int = 1) -> Path | None:
    """The latest ``checkpoint-N`` of a run of so many processes that was written to its end; None when there is none.

    Trainer writes the weights first and ``trainer_state.json`` last; a machine that lost power may still have lost
    what was in the files, so each is looked into.
    """
    return next((path for path in reversed(all_checkpoints(folder)) if is_complete(path, processes)), None)


def all_checkpoints(folder: Path) -> list[Path]:
    """Every ``checkpoint-N`` of a run, whole or not, in the order of their steps."""
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=step_of)


def step_of(checkpoint: Path) -> int:
    """The optimiser step after which a checkpoint was saved."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0


def is_complete(checkpoint: Path, processes: int = 1) -> bool:
    """Whether weights, optimiser, scheduler, random states and trainer state are all there and whole.

    Every one of several processes writes its own random state, the last of them perhaps after all the rest.
    """
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_bytes())
    except (OSError, ValueError):
        return False
    return (
        isinstance(state, dict)
        and state.get("global_step") == step_of(checkpoint)
        and _whole_weights(checkpoint)
        and zipfile.is_zipfile(checkpoint / "scheduler.pt")
        and _whole_optimiser(checkpoint, processes)
        and _random_states(checkpoint, processes)
    )


def _whole_optimiser(checkpoint: Path, processes: int) -> bool:
    """One file, FSDP's two, or DeepSpeed's folder in which every process has its own share."""
    if (checkpoint / "latest").is_file():
        shares = list(checkpoint.glob("global_step*/*.pt"))
        states = [path for path in shares if path.name.endswith("_optim_states.pt")]
        return len(states) >= processes and all(map(zipfile.is_zipfile, shares))
    kinds = (("optimizer.pt",), ("optimizer.bin", "pytorch_model_fsdp.bin"))
    return any(all(zipfile.is_zipfile(checkpoint / name) for name in kind) for kind in kinds)


def _random_states(checkpoint: Path, processes: int) -> bool:
    whole = {path.name for path in checkpoint.glob("rng_state*.pth") if zipfile.is_zipfile(path)}
    # One that was saved by a single process is not torn; it only has nothing to say to the others.
    if processes == 1 or "rng_state.pth" in whole:
        return bool(whole)
    return {f"rng_state_{rank}.pth" for rank in range(processes)} <= whole


def _whole_weights(checkpoint: Path) -> bool:
    """An adapter, or all files of a whole model."""
    index = checkpoint / "model.safetensors.index.json"
    if not index.is_file():
        return any(
            _whole_safetensors(checkpoint / name)
            for name in ("adapter_model.safetensors", "model.safetensors")
        )
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return all(_whole_safetensors(checkpoint / Path(name).name) for name in names)


def _whole_safetensors(path: Path) -> bool:
    """Whether the file is as long as its own header says."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = os.fstat(file.fileno()).st_size
            if not 0 < length < size:
                return False
            header = json.loads(file.read(length))
    except (OSError, ValueError):
        return False
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return size == 8 + length + max(ends, default=0)
