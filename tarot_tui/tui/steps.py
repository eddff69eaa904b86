"""The seven steps of the wizard: what each is for, and what the folder says about it.

Free of textual, so that plain-text front ends can walk the same table. Whether a step is done is always
read from the project folder: a run started by a command or on another login counts like one started here.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Mark:
    """What the folder says of one step: whether it is done, and a few words that say why."""

    done: bool
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One step.

    id: also the name of its screen module and its CSS class.
    title, purpose: translatable; the purpose is one sentence.
    look: reads the folder, cheaply enough to be asked whenever a screen is shown.
    """

    id: str
    title: str
    purpose: str
    look: Callable[[Project], Mark]

    def mark(self, project: Project) -> Mark:
        """What the folder says of this step; a damaged folder reads as not done, with the reason as the note."""
        from tarot_tui.errors import TarotError

        try:
            return self.look(project)
        except TarotError as error:
            return Mark(False, one_line(str(error), 60))


def this_machine() -> str:
    """What a proven environment is proven for: a project copied to another server has to be checked again."""
    return f"{platform.node()} {sys.executable}"


def _environment(project: Project) -> Mark:
    checked = _dict(project.recall("environment"))
    if checked.get("machine") != this_machine():
        return Mark(False)
    errors, warnings = checked.get("error", 0), checked.get("warning", 0)
    if errors:
        return Mark(False, _("{count} failed").format(count=errors))
    return Mark(True, _("{count} to note").format(count=warnings) if warnings else _("all well"))


def _dataset(project: Project) -> Mark:
    names = dataset_names(project)
    if not names:
        return Mark(False)
    chosen = project.recall("dataset")
    return Mark(True, chosen if chosen in names else names[-1])


def _parameters(project: Project) -> Mark:
    # The example brings recipes along, so that a recipe exists does not mean that it was chosen.
    chosen = chosen_recipe(project)
    return Mark(bool(chosen) or bool(runs(project)), chosen)


def _train(project: Project) -> Mark:
    from tarot_tui.jobs.status import named, read

    states = [read(folder) for folder in runs(project)]
    if not states:
        return Mark(False)
    last = states[-1]
    percent = f" {100 * (last.step or 0) // last.total} %" if last.alive and last.total else ""
    return Mark(any(status.state == "finished" for status in states), named(last) + percent)


def _export(project: Project) -> Mark:
    names = trained_names(project)
    return Mark(bool(names), names[-1] if names else "")


def _ollama(project: Project) -> Mark:
    imported = [name for name in _list(project.recall("ollama")) if name in release_names(project)]
    return Mark(bool(imported), imported[-1] if imported else _("optional"))


def _chat(project: Project) -> Mark:
    talked = [name for name in _list(project.recall("chat")) if name in release_names(project)]
    return Mark(bool(talked), talked[-1] if talked else "")


STEPS: tuple[Step, ...] = (
    Step(
        "environment",
        N_("Environment"),
        N_("Prove what this machine can do, before work is spent on it."),
        _environment,
    ),
    Step(
        "dataset",
        N_("Dataset"),
        N_("Your documents become questions and answers to learn."),
        _dataset,
    ),
    Step(
        "parameters",
        N_("Parameters"),
        N_("What to train and how; the plan shows what it means here."),
        _parameters,
    ),
    Step(
        "train",
        N_("Train"),
        N_("It runs on its own: close this terminal whenever you like."),
        _train,
    ),
    Step(
        "export",
        N_("Export"),
        N_("What was trained becomes one file that runs anywhere."),
        _export,
    ),
    Step(
        "ollama",
        N_("Ollama"),
        N_("So that every program that speaks to Ollama can use it."),
        _ollama,
    ),
    Step("chat", N_("Chat"), N_("Ask your model something it could not have known before."), _chat),
)

IDS: tuple[str, ...] = tuple(step.id for step in STEPS)


def position(step: str) -> str:
    """Which of them all it is, in words."""
    return _("step {number} of {count}").format(number=IDS.index(step) + 1, count=len(IDS))


def marks(project: Project) -> dict[str, Mark]:
    """Every step's mark, by its id."""
    return {step.id: step.mark(project) for step in STEPS}


def left_at(project: Project) -> str:
    """The step at which the wizard was left: the remembered one, else the first that is not done."""
    remembered = project.recall("step")
    if remembered in IDS:
        return remembered
    return next((step.id for step in STEPS if not step.mark(project).done), IDS[-1])


def dataset_names(project: Project) -> list[str]:
    """The registered datasets, as ``data/dataset_info.json`` lists them; unreadable counts as none."""
    try:
        registry = json.loads((project.data / "dataset_info.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return list(registry) if isinstance(registry, dict) else []


def recipe_names(project: Project) -> list[str]:
    """The recipes of the project, without ``.yaml``."""
    return sorted(path.stem for path in project.recipes.glob("*.yaml"))


def engines() -> list[tuple[str, str]]:
    """Label and name of what can train here; the name of our own is empty."""
    from tarot_tui.training.engines.llamafactory import environments

    python = environments.chosen()
    other = [("LLaMA-Factory", environments.NAME)] if python and python.is_file() else []
    return [(_("our own"), ""), *other]


def chosen_engine(project: Project) -> str:
    """What the next training is done by; our own where the chosen one is no longer here."""
    remembered = project.recall("engine", "")
    return remembered if any(remembered == name for _label, name in engines()) else ""


def chosen_recipe(project: Project) -> str:
    """The recipe that was settled in the Parameters step, while its file is there; else an empty string."""
    chosen = project.recall("recipe")
    return chosen if chosen in recipe_names(project) else ""


def runs(project: Project) -> list[Any]:
    """The folders of the training jobs, oldest first."""
    from tarot_tui.jobs.find import all_jobs

    return all_jobs(project, "train")


def release_names(project: Project) -> list[str]:
    """The releases in ``models/``: bases that were exported as they are, then what was trained, oldest first."""
    found = list(project.models.glob("*/release.json"))
    return [
        path.parent.name for path in sorted(found, key=lambda path: (_is_trained(path), path.stat().st_mtime))
    ]


def trained_names(project: Project) -> list[str]:
    """The releases that were made of a run, oldest first."""
    return [name for name in release_names(project) if _is_trained(project.models / name / "release.json")]


def _is_trained(described: Any) -> bool:
    try:
        return bool(json.loads(described.read_text("utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
