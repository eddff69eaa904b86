"""On which GPUs, on how many processes, or through Slurm: where the wizard's next training runs. No Textual here.

Remembered in the project together with the machine: on another one there are other GPUs.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration, size
from tarot_tui.tui import steps
from tarot_tui.tui.machine import Gpu

_KEY = "spread"
#: Processes that can be asked for; a node has rarely more GPUs.
MOST = 16
#: Processes that are named of each GPU.
_NAMED = 2


@dataclass(frozen=True)
class Spread:
    """gpus: their numbers, as nvidia-smi has them; empty for the idlest. processes: how many, where no GPUs are named.

    slurm: through sbatch, with a GPU for each process. partition: where it waits; empty for the cluster's default.
    """

    gpus: tuple[str, ...] = ()
    processes: int = 1
    slurm: bool = False
    partition: str = ""

    @property
    def words(self) -> list[str]:
        """The options of ``tarot-tui train`` that say so; none for what it does by itself."""
        if self.slurm:
            waits = ["--partition", self.partition] if self.partition else []
            return ["--slurm", *waits, "--gpus", str(self.processes)]
        if self.gpus:
            return ["--gpu-ids", ",".join(self.gpus)]
        return ["--num-processes", str(self.processes)] if self.processes > 1 else []


def chosen(project: Project) -> Spread:
    """What was chosen for this machine; what a training does by itself where nothing was, or it is damaged."""
    kept: Any = project.recall(_KEY)
    if not isinstance(kept, dict) or kept.get("machine") != steps.this_machine():
        return Spread()
    gpus, processes = kept.get("gpus"), kept.get("processes")
    named = gpus if isinstance(gpus, list) else []
    slurm, partition = kept.get("slurm") is True and slurm_here(), str(kept.get("partition") or "")
    return Spread(
        tuple(str(name) for name in named if re.fullmatch(r"\d{1,3}", str(name))),
        processes if isinstance(processes, int) and 1 <= processes <= MOST else 1,
        slurm,
        partition if slurm and is_partition(partition) else "",
    )


def choose(project: Project, spread: Spread) -> None:
    """Remember it."""
    kept = {"machine": steps.this_machine(), **asdict(spread), "gpus": list(spread.gpus)}
    project.remember(_KEY, kept)


def words(project: Project) -> list[str]:
    """The options of ``tarot-tui train`` for what was chosen."""
    return chosen(project).words


def matters(project: Project, recipe: str) -> bool:
    """Whether there is something to choose: several GPUs, Slurm, or a recipe that shares its model out."""
    if gpus_here() > 1 or slurm_here() or chosen(project) != Spread():
        return True
    from tarot_tui.training.recipe import load

    try:
        found = load(project, project.recipes / f"{recipe}.yaml", [])
    except TarotError:
        return False  # said by its plan
    return bool(found.fsdp or found.deepspeed)


def slurm_here() -> bool:
    """Whether jobs can be given to Slurm from this machine."""
    return shutil.which("sbatch") is not None


def is_partition(name: str) -> bool:
    """Whether Slurm can have partitions of this name (several with commas between)."""
    return re.fullmatch(r"(\w[\w.,-]{0,100})?", name) is not None


def gpus_here(devices: Path = Path("/dev")) -> int:
    """NVIDIA GPUs that this machine, or container, has: each is a file, which costs nothing to look for."""
    return sum(bool(re.fullmatch(r"nvidia\d+", path.name)) for path in devices.glob("nvidia*"))


def room_on(gpu: Gpu) -> str:
    """How much of its memory is free, or why nobody knows."""
    if gpu.lost:
        return _("lost")
    if gpu.stale:
        return _("stale {time}").format(time=duration(gpu.stale))
    if gpu.total is None or gpu.used is None:
        return "–"
    return _("{free} free").format(free=size(int(gpu.total - gpu.used)))


def who_is_on(gpu: Gpu, taken: set[str]) -> str:
    """Whose processes are on it, or which nobody's are yet. taken: the GPUs that runs of the project were given."""
    named = [f"{one.user or '?'} {one.pid}" for one in gpu.processes[:_NAMED]]
    if len(gpu.processes) > _NAMED:
        named.append(f"+{len(gpu.processes) - _NAMED}")
    if gpu.index in taken:
        named.insert(0, _("a run of this project"))
    return ", ".join(named) or _("idle")
