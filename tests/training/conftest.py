"""A dataset of a few cards, and ways to train it: as a job, or inside the test's own process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tarot_tui.jobs import worker
from tarot_tui.project import Project
from tarot_tui.training.recipe import Recipe

CARDS = (
    "The Fool",
    "The Magician",
    "The Moon",
    "The Sun",
    "Death",
    "Justice",
    "Strength",
    "The Star",
    "The Tower",
)


@pytest.fixture
def cards(project: Project) -> Project:
    """``project`` with the dataset ``cards``: nine short English samples."""
    _add_cards(project)
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Recipe]) -> Path:
    """The root of a project with a finished run ``first``: six steps, a checkpoint at every second. To be copied."""
    from tarot_tui.project import create
    from tarot_tui.training.engines import native
    from tarot_tui.training.launch import make_job
    from tarot_tui.training.plan import plan_in_child

    project = create(tmp_path_factory.mktemp("finished") / "project")
    _add_cards(project)
    recipe = tiny_recipe(num_train_epochs=2)
    job = make_job(project, recipe, plan_in_child(project, recipe), "first")
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAROT_JOB_DIR", str(job))
        native.main()
    os.chdir(before)
    (job / "status.json").write_text(json.dumps({"state": "finished", "step": 6, "total": 6, "attempt": 1}))
    return project.root


@pytest.fixture
def train_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Runs a job's worker in this process, as its supervisor would in one of its own."""

    def train(job: Path) -> None:
        from tarot_tui.training.engines import native

        for name in ("stop_on_sigterm", "end_with_launcher"):  # would change pytest's own process
            monkeypatch.setattr(worker, name, lambda: None)
        monkeypatch.setenv("TAROT_JOB_DIR", str(job))
        monkeypatch.chdir(job)  # where native goes too, and every test comes back from
        native.main()

    return train


#: What Python imports at its start from PYTHONPATH: the training waits at the step that the file ``hold`` of its job names,
#: until it is asked to stop or the file is gone.
HOLD = """
import time
from tarot_tui.jobs import worker
_say = worker.progress
def say(step, *more, **named):
    _say(step, *more, **named)
    hold = worker.job_dir() and worker.job_dir() / "hold"
    while hold and worker.rank() == 0 and hold.exists() and step >= int(hold.read_text()):
        if worker.stop_requested():
            break
        time.sleep(0.02)
worker.progress = say
"""


@pytest.fixture
def hold_at(tmp_path: Path) -> Callable[[Path, int], None]:
    """Lets a job's training wait at the end of a step, before that is logged, so that no slow test finds it over.

    To be called before the job is started or resumed; removing its file ``hold`` lets it go on.
    """
    from tarot_tui.jobs.spec import read_spec, rewrite

    place = tmp_path / "holding"

    def hold(job: Path, step: int) -> None:
        place.mkdir(exist_ok=True)
        (place / "sitecustomize.py").write_text(HOLD)
        (job / "hold").write_text(str(step))
        rewrite(job, env={**(read_spec(job).get("env") or {}), "PYTHONPATH": str(place)})

    return hold


@pytest.fixture(scope="session")
def add_dataset() -> Callable[[Project, str, list[tuple[str, str]]], None]:
    """Writes and registers an Alpaca dataset of (question, answer) pairs."""
    return _add_dataset


@pytest.fixture
def metrics() -> Callable[[Path], list[dict]]:
    """Reads the lines of a job's ``trainer_log.jsonl``."""
    return lambda job: [json.loads(line) for line in (job / "trainer_log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def tiny_recipe(tiny_llama: Path) -> Callable[..., Recipe]:
    """Makes recipes that are quick on the tiny model, and have epochs, accumulation and checkpoints."""
    values = {
        "model_name_or_path": str(tiny_llama), "dataset": "cards", "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2, "num_train_epochs": 3, "learning_rate": 1e-2, "lora_rank": 4,
        "save_steps": 2, "save_total_limit": 10, "gradient_checkpointing": False, "sample_answers": 0,
    }  # fmt: skip
    return lambda **changes: Recipe(**{**values, **changes})


def _add_cards(project: Project) -> None:
    pairs = [(f"What does {card} mean?", f"{card} is card {n}.") for n, card in enumerate(CARDS)]
    _add_dataset(project, "cards", pairs)


def _add_dataset(project: Project, name: str, pairs: list[tuple[str, str]]) -> None:
    from tarot_tui.data import registry, samples

    rows = [{"instruction": question, "input": "", "output": answer} for question, answer in pairs]
    samples.write(project.data / f"{name}.json", rows)
    registry.register(project, name, registry.alpaca(f"{name}.json", system=False))
