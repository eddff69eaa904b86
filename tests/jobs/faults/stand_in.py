"""A worker that behaves as a training does, and in a second: ``stand_in.py STEPS SECONDS_A_STEP SAVE_STEPS BYTES HOLD``.

It holds after step ``HOLD`` until it is asked to stop or the file ``go-on`` is there, so that nothing that a test wants to
find under way is over before a slow machine gets there. 0: nowhere.

What it "learns" depends on every step before, so its losses are those of an uninterrupted run only if each checkpoint
was taken up exactly. Checkpoints are written as Trainer does it: file by file, what proves them whole at the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

from tarot_tui.jobs import files, worker
from tarot_tui.jobs.metrics import MetricsReader
from tarot_tui.project import write_text

SIGN_OF_TWO = "two-workers"
GO_ON = "go-on"


def learn(weights: int, step: int) -> int:
    """One step."""
    return (weights * 6364136223846793005 + step * 1442695040888963407 + 1) % 2**64


def curve(steps: int) -> list[tuple[int, float]]:
    """Steps and losses of an uninterrupted run."""
    weights, points = 0, []
    for step in range(1, steps + 1):
        weights = learn(weights, step)
        points.append((step, weights / 2**64))
    return points


def save(step: int, weights: int, size: int) -> None:
    """Write ``checkpoint-<step>``; keep the two before it."""
    folder = Path(f"checkpoint-{step}")
    folder.mkdir(exist_ok=True)
    blob = weights.to_bytes(8, "little") * (size // 8)
    (folder / "weights.bin").write_bytes(blob)
    state = {"step": step, "weights": weights, "sha256": hashlib.sha256(blob).hexdigest()}
    (folder / "state.json").write_text(json.dumps(state))
    worker.event("checkpoint", step=step)
    for old in sorted(Path().glob("checkpoint-*"), key=_step)[:-3]:
        shutil.rmtree(old)


def last_complete(folder: Path) -> tuple[int, int]:
    """Step and weights of the latest checkpoint that is whole; (0, 0) without any."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        try:
            state = json.loads((checkpoint / "state.json").read_text())
            blob = (checkpoint / "weights.bin").read_bytes()
        except (OSError, ValueError):
            continue
        if hashlib.sha256(blob).hexdigest() == state["sha256"]:
            return state["step"], state["weights"]
    return 0, 0


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[2])


def _be_alone() -> None:
    handle = os.open("worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends, however it ends
    except OSError:
        Path(SIGN_OF_TWO).touch()
        raise


def _hold() -> None:
    worker.flush()
    while not (Path(GO_ON).exists() or worker.stop_requested()):
        time.sleep(0.02)


def main(steps: int, seconds: float, every: int, size: int, hold: int) -> None:
    """Work from the last complete checkpoint to the end, or until asked to stop."""
    worker.stop_on_sigterm()
    os.chdir(worker.job_dir())
    _be_alone()
    step, weights = last_complete(Path())
    metrics = Path(files.METRICS)
    kept = [row for row in MetricsReader(metrics).read() if row["current_steps"] <= step]
    write_text(metrics, "".join(json.dumps(row) + "\n" for row in kept))
    while step < steps:
        step += 1
        weights = learn(weights, step)
        line = {"current_steps": step, "total_steps": steps, "loss": weights / 2**64, "time": time.time()}
        files.append_json(metrics, line)
        worker.progress(step, steps)
        print("step", step, flush=True)
        if step == hold:
            _hold()
        stop = worker.stop_requested() and step < steps
        if stop or worker.save_requested() or step % every == 0:
            save(step, weights, size)
        if stop:
            return worker.result("stopped", step=step)
        time.sleep(seconds)
    worker.result("finished", step=step)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), *map(int, sys.argv[3:]))
