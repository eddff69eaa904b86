"""Ask for a proof: what it costs, whether there is one that still holds, and start the job."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.export.release import Release, need_ggufs
from tarot_tui.locale import _
from tarot_tui.project import Project, worker_python

#: The kind of these jobs.
KIND = "proof"
_FILE = "proof.json"


@dataclass(frozen=True)
class Cost:
    """memory: bytes that the trained model itself takes. free: bytes there are. fits: whether it can be asked."""

    memory: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether the trained model can be loaded to compare with."""
        return self.memory < self.free


def cost(release: Release) -> Cost:
    """What the full proof takes: the base in 32 bits on the CPU, in 16 on a GPU."""
    import psutil

    from tarot_tui.export.launch import parameters
    from tarot_tui.training.device import choose

    base = Path(release.facts["base"]["folder"])
    device = choose()
    on_gpu = device.kind == "cuda"
    memory = int(parameters(base) * (2 if on_gpu else 4) * 1.2)
    return Cost(memory, device.free if on_gpu else psutil.virtual_memory().available)


def read_proof(release: Release) -> dict[str, Any]:
    """The proof of ``release``, empty when there is none or it is damaged."""
    try:
        found = json.loads((release.folder / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "verdict" in found and "quants" in found else {}


def stale(release: Release, proof: dict[str, Any]) -> list[str]:
    """The quantisations that are not those of the proof any more, not in it, or gone. By the hashes the export noted."""
    proven = {name: one.get("sha256") for name, one in proof.get("quants", {}).items()}
    noted = {name: one.get("sha256") for name, one in release.facts["ggufs"].items()}
    return [
        name
        for name, digest in noted.items()
        if proven.get(name) != digest or not release.ggufs[name].is_file()
    ]


def launch(project: Project, release: Release, *, cheap: bool = False) -> Path:
    """Start proving ``release``; the job's folder. cheap: prompts and tokens only, seconds rather than minutes.

    Raises BadInput when it holds no GGUF, or one that is gone, TarotError when llama.cpp is not installed.
    """
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create

    need_ggufs(release)
    if worker_python() == sys.executable and find_spec("xllamacpp") is None:
        raise TarotError(_("A proof asks llama.cpp, which is not installed: pip install 'tarot-tui[chat]'."))
    folder = create(
        project,
        KIND,
        f"prove-{release.name}",
        ["{python}", "-m", "tarot_tui.proof.worker"],
        {"project": str(project.root.resolve()), "name": release.name, "cheap": cheap},
        {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "PASSIVE"},
        title=_("prove {name}").format(name=release.name),
    )
    start(folder)
    return folder
