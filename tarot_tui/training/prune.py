"""Old checkpoints of a run: which can go, and what that frees."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.jobs.remove import folder_size, refuse_while_it_may_live
from tarot_tui.training.engines.checkpoints import all_checkpoints, is_complete, last_complete, step_of


@dataclass(frozen=True)
class Checkpoint:
    """One ``checkpoint-N``: its step and size in bytes, and why it is kept: ``last``, ``best``, or ``incomplete``
    while none is complete; empty when it can go."""

    path: Path
    step: int
    bytes: int
    kept: str = ""


def checkpoints(folder: Path) -> list[Checkpoint]:
    """The checkpoints of a run in the order of their steps.

    The last complete one is kept, from which the run goes on, and of the complete ones the best, with the lowest
    measured loss. While none is complete all are kept: each may be all that there is.
    """
    last, best = last_complete(folder), best_checkpoint(folder)
    reasons = {best: "best", last: "last"}
    return [
        Checkpoint(path, step_of(path), folder_size(path), reasons.get(path, "") if last else "incomplete")
        for path in all_checkpoints(folder)
    ]


def best_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint at whose step the lowest ``eval_loss`` was measured; None when nothing was measured."""
    measured = {}
    for path in all_checkpoints(folder):
        loss = _measured_loss(path)
        if loss is not None and is_complete(path):
            measured[path] = loss
    return min(measured, key=measured.__getitem__) if measured else None


def prune(folder: Path) -> list[Checkpoint]:
    """Delete what :func:`checkpoints` does not keep, and return it.

    Raises Refused for a run that lives, or may: it looks after its checkpoints itself.
    """
    refuse_while_it_may_live(folder)
    doomed = [one for one in checkpoints(folder) if not one.kept]
    for one in doomed:
        # The first to go is what makes it complete: half of one must never be resumed from.
        (one.path / "trainer_state.json").unlink(missing_ok=True)
        shutil.rmtree(one.path)
    return doomed


def _measured_loss(checkpoint: Path) -> float | None:
    try:
        history = json.loads((checkpoint / "trainer_state.json").read_bytes())["log_history"]
        found = [
            entry["eval_loss"]
            for entry in history
            if entry.get("step") == step_of(checkpoint) and "eval_loss" in entry
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return found[-1] if found and isinstance(found[-1], int | float) and found[-1] == found[-1] else None
