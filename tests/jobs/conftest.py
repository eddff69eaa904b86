"""Real jobs with small workers, in a project whose path is as awkward as users' paths are."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tarot_tui.jobs import launch, spec, status
from tarot_tui.jobs.identity import Identity, is_alive
from tarot_tui.project import Project, create

#: Counts to 40, and stops when asked. It does not go beyond 20 before it may, so that it never ends under a slow test.
COUNTER = """
import os, sys, time
from tarot_tui.jobs import worker
total = 40
for step in range(1, total + 1):
    while not worker.stop_requested() and step > 20 and not os.path.exists("may-finish"):
        worker.flush()
        time.sleep(0.02)
    if worker.stop_requested():
        worker.result("stopped", step=step)
        sys.exit()
    print("step", step)
    worker.progress(step, total, what="counting")
    time.sleep(0.02)
worker.result("finished")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project; its path has spaces and CJK in it."""
    return create(tmp_path / "我的 project")


@pytest.fixture
def job(project: Project) -> Iterator[Callable[..., Path]]:
    """Makes a job whose worker runs the given Python code; whatever still runs after the test is ended."""
    made: list[Path] = []

    def make(code: str = COUNTER, *arguments: object, slug: str = "test", **keys) -> Path:
        argv = ["{python}", "-c", code, *map(str, arguments)]
        made.append(spec.create(project, "train", slug, argv, keys.pop("request", {}), **keys))
        return made[-1]

    yield make
    for folder in made:
        _end(folder)


@pytest.fixture
def started(job) -> Callable[..., Path]:
    """Makes a job and starts it."""

    def make(*arguments, **keys) -> Path:
        folder = job(*arguments, **keys)
        launch.start(folder)
        return folder

    return make


@pytest.fixture
def let_finish() -> Callable[[Path], None]:
    """Lets the job that counts go on to its end."""
    return lambda folder: (folder / "may-finish").touch()


@pytest.fixture
def wait_until() -> Callable[..., object]:
    """Waits for a condition and gives what it gave; fails when it does not come true."""
    return _wait_until


@pytest.fixture
def ended() -> Callable[..., status.Status]:
    """Waits until nothing of a job is alive and gives its status."""

    def wait(folder: Path, seconds: float = 60) -> status.Status:
        _wait_until(lambda: not status.read(folder).alive, seconds)
        return status.read(folder)

    return wait


@pytest.fixture
def kill() -> Callable[[Identity], None]:
    """SIGKILLs a process and waits until it took effect."""

    def now(who: Identity) -> None:
        os.kill(who.pid, signal.SIGKILL)
        _wait_until(lambda: not is_alive(who))

    return now


def _wait_until(condition: Callable[[], object], seconds: float = 60) -> object:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"still not true after {seconds} s: {condition}")
        time.sleep(0.05)
    return found


def _end(folder: Path) -> None:
    # The supervisor first: it must not write a verdict into a folder that is being removed.
    found = status.read(folder)
    for who in (found.supervisor, found.worker):
        if is_alive(who):
            with suppress(psutil.Error):
                root = psutil.Process(who.pid)
                for one in [root, *root.children(recursive=True)]:
                    with suppress(psutil.Error):
                        one.kill()
