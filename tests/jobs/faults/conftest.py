"""Jobs whose worker is the stand-in, and ways to let everything of a job die at once."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from tarot_tui.jobs import files, launch, spec
from tarot_tui.jobs.metrics import MetricsReader
from tarot_tui.project import Project

_PROGRAM = Path(__file__).with_name("stand_in.py")


@pytest.fixture(scope="session")
def stand_in() -> ModuleType:
    """The stand-in's own functions, to judge what it left by."""
    loading = importlib.util.spec_from_file_location("stand_in", _PROGRAM)
    module = importlib.util.module_from_spec(loading)
    loading.loader.exec_module(module)
    return module


@pytest.fixture
def training(project: Project) -> Iterator[Callable[..., Path]]:
    """Makes (and starts) jobs of so many steps; whatever still runs after the test is killed."""
    made: list[Path] = []

    def make(
        steps: int = 60,
        seconds: float = 0.02,
        every: int = 5,
        size: int = 64,
        hold: int = 0,
        *,
        within: Project | None = None,
        start: bool = True,
        **keys,
    ) -> Path:
        argv = ["{python}", str(_PROGRAM), steps, seconds, every, size, hold]
        folder = spec.create(within or project, "train", f"run-{len(made)}", argv, {}, total=steps, **keys)
        made.append(folder)
        if start:
            launch.start(folder)
        return folder

    yield make
    for folder in made:
        kill_everything(folder)


@pytest.fixture
def release(stand_in: ModuleType) -> Callable[[Path], None]:
    """Lets a job go on that holds at some step."""
    return lambda folder: (folder / stand_in.GO_ON).touch()


@pytest.fixture
def points() -> Callable[[Path], list[tuple[int, float]]]:
    """Reads a job's curve: steps and losses."""
    return read_points


def read_points(folder: Path) -> list[tuple[int, float]]:
    """The curve that a job's log holds; the half line of a process that was killed while it wrote is none of it."""
    return [(row["current_steps"], row["loss"]) for row in MetricsReader(folder / files.METRICS).read()]


@pytest.fixture
def cut_power() -> Callable[[Path], None]:
    """Kills supervisor, worker and whatever else works for a job, all at one moment."""
    return kill_everything


def everything(folder: Path) -> list[psutil.Process]:
    """All processes of a job: named on their command line or in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            belongs = str(folder) in process.cmdline() or str(folder) in process.environ().values()
            if belongs and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_everything(folder: Path) -> None:
    """SIGKILL to all of a job. They are halted first, so that none sees the others die."""
    while found := everything(folder):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                with suppress(psutil.Error):
                    process.send_signal(number)
        time.sleep(0.02)
