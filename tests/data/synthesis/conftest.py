"""A sheet of cards, a prompt for it, and a server that answers without a model."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.chat import FakeChat

from tarot_tui.data.synthesis import launch, prompt, worker
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.data.synthesis.request import Request
from tarot_tui.jobs import status
from tarot_tui.jobs.identity import is_alive
from tarot_tui.project import Project

CARDS = ("Fool", "Magician", "Empress", "Emperor", "Lovers", "Chariot", "Hermit", "Moon")
PROMPT = """
writer: Write two questions about the card, and the reader's answers.
row: |
  Card: {Card}
  Meaning: {Meaning}
system: You read tarot cards.
per_row: 2
max_tokens: 300
"""
#: Waits short enough for a test.
QUICK = Limits(timeout=60, backoff=0.02, concurrency=2)


@pytest.fixture
def chat() -> Iterator[FakeChat]:
    """The server, obedient until told otherwise."""
    with FakeChat() as server:
        yield server


@pytest.fixture
def cards(project: Project) -> Path:
    """Eight cards, one a row."""
    path = project.sources / "cards.csv"
    path.write_text("Card,Meaning\n" + "".join(f"{name},what {name} stands for\n" for name in CARDS))
    return path


@pytest.fixture
def prompt_file(project: Project) -> Path:
    """The prompt, where a project keeps it."""
    path = project.prompts / "reader.yaml"
    path.write_text(PROMPT)
    return path


@pytest.fixture
def request_for(cards: Path, prompt_file: Path, chat: FakeChat) -> Callable[..., Request]:
    """A request to the fake server; ``limits=…`` and other fields of it as keywords."""

    def make(**fields: Any) -> Request:
        request = Request(
            (cards,), "reader", prompt.load(prompt_file), prompt_file, chat.url, "writer", limits=QUICK
        )
        return replace(request, **fields)

    return make


@pytest.fixture
def jobs(project: Project) -> Iterator[Jobs]:
    """Starts synthesis jobs; whatever still runs after the test is ended."""
    made = Jobs(project)
    yield made
    made.end()


@pytest.fixture
def asked(project: Project, tmp_path: Path) -> Callable[[Request], dict[str, Any] | None]:
    """Does in this process what a job's worker does; its ``result.json``, or None when it was stopped."""

    def run(request: Request) -> dict[str, Any] | None:
        folder = tmp_path / "job"
        folder.mkdir(exist_ok=True)
        return worker.run(project, request, folder)

    return run


class Jobs:
    """Jobs of one test."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folders: list[Path] = []

    def start(self, request: Request, **options: Any) -> Path:
        """Start and do not wait."""
        self.folders.append(launch.launch(self.project, request, **options))
        return self.folders[-1]

    def run(self, request: Request, **options: Any) -> tuple[Path, status.Status]:
        """Start and wait for the end."""
        folder = self.start(request, **options)
        return folder, self.ended(folder)

    def ended(self, folder: Path, seconds: float = 120) -> status.Status:
        """Wait until nothing of the job is alive."""
        wait_until(lambda: not status.read(folder).alive, seconds)
        return status.read(folder)

    def end(self) -> None:
        """Kill what is left."""
        for folder in self.folders:
            found = status.read(folder)
            for who in (found.supervisor, found.worker):
                if is_alive(who):
                    with suppress(OSError):
                        os.kill(who.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for ``condition``; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"still not true after {seconds} s: {condition}")
        time.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., None]:
    """:func:`wait_until`, for tests."""
    return wait_until


@pytest.fixture
def lines() -> Callable[[Path], list[dict[str, Any]]]:
    """The objects of a JSONL file; none without it."""

    def read(path: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read
