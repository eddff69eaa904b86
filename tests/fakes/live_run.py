"""A training run that looks alive: its files grow once a second, as a supervisor and a trainer would write them."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files, identity, spec
from tarot_tui.project import Project

STEPS = 4000
#: Samples of the machine, one a line, from the process that the project itself uses for that.
_SAMPLER = [sys.executable, "-m", "tarot_tui.jobs.sampler"]


class LiveRun:
    """The folder of the run, and a thread that writes to it between :meth:`start` and :meth:`stop`.

    ``environment``: of the sampler; with the stand-in NVML of ``nvml.c`` there are GPUs. ``sampler``: its process.
    """

    def __init__(self, project: Project, environment: dict[str, str], past: int = 300) -> None:
        """``past``: the steps that are already done."""
        self.folder = spec.create(project, "train", "deck", ["true"], {}, title="The deck")
        self.step = 0
        self._dice = random.Random(1)
        self._me = identity.of(os.getpid()).as_dict()
        self._stopped = threading.Event()
        self.sampler = subprocess.Popen(
            [*_SAMPLER, str(self.folder)], stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        self._sample()
        for _step in range(past):
            self._train()

    def start(self) -> None:
        """Go on, at one step a second."""
        threading.Thread(target=self._go_on, daemon=True).start()

    def stop(self) -> None:
        """Write nothing more."""
        self._stopped.set()
        self.sampler.kill()
        self.sampler.wait()

    def finish(self) -> None:
        """The run is over."""
        self.stop()
        self._status("finished", ended=time.time())

    def log(self, text: str) -> None:
        """Append to the log."""
        with open(self.folder / files.LOG, "a", encoding="utf-8") as file:
            file.write(text)

    def _go_on(self) -> None:
        while not self._stopped.is_set():
            self._sample()  # comes once a second
            self._train()

    def _sample(self) -> None:
        line = self.sampler.stdout.readline()
        if line:
            sample: dict[str, Any] = json.loads(line)
            files.append_json(self.folder / files.HARDWARE, sample)

    def _train(self) -> None:
        self.step += 1
        loss = 0.5 + 2.4 * math.exp(-self.step / 400) + 0.2 * self._dice.random()
        row = {
            "current_steps": self.step,
            "total_steps": STEPS,
            "loss": loss,
            "lr": 1e-4 * (1 - self.step / STEPS),
        }
        row |= {"epoch": self.step / 100, "grad_norm": 1 + self._dice.random(), "throughput": 800.0}
        files.append_json(self.folder / files.METRICS, row)
        said = {key: f"{row[key]:.4g}" for key in ("loss", "grad_norm", "lr", "epoch")}
        self.log(f"{said}\n")
        self._status("running")

    def _status(self, state: str, **more: Any) -> None:
        now = time.time()
        pace = {"first_step": 0, "first_time": 0.0, "step": self.step, "time": 2.0 * self.step}
        found = {
            "state": state,
            "step": self.step,
            "total": STEPS,
            "attempt": 1,
            "started": now - 100,
            "pace": pace,
        }
        found |= {"heartbeat": now, "supervisor": self._me, "worker": self._me} | more
        files.write_json(self.folder / files.STATUS, found)


def watched(project: Path | str, *runs: str) -> list[str]:
    """The command that shows the run, or without one the list of them all."""
    return [sys.executable, "-m", "tarot_tui", "--project", str(project), "watch", *runs]
