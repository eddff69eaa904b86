"""What the form of a recipe may begin with: a recipe of the project, a preset, the defaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml
from tarot_tui.training import recipe as recipes
from tarot_tui.training.presets import preset, presets
from tarot_tui.tui import steps


@dataclass
class Beginning:
    """name: of the recipe's file without its ending, empty for a new one. preset: its name, or empty.

    written: when the file was. stored: the values that it gives, once they were read.
    """

    name: str = ""
    preset: str = ""
    written: float = 0.0
    stored: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return f"{self.name}/{self.preset}"

    @property
    def label(self) -> str:
        """What it is called in a list."""
        if self.preset:
            return _("preset: {name}").format(name=self.preset)
        return self.name or _("a new one, from the defaults")

    def values(self, project: Project) -> dict[str, Any]:
        """The values that it gives. Raises TarotError for a file that is no recipe."""
        import yaml

        if self.name:
            path = project.recipes / f"{self.name}.yaml"
            self.stored = recipes.load(project, path).model_dump(include=set(read_yaml(path)))
        elif self.preset:
            given = yaml.safe_load(preset(self.preset).text)
            self.stored = recipes.validate(given).model_dump(include=set(given))
        return dict(self.stored)


def beginnings(project: Project) -> list[Beginning]:
    """The project's recipes, the presets, the defaults."""
    names = steps.recipe_names(project)
    return [
        *(Beginning(name=name, written=_written(project, name)) for name in names),
        *(Beginning(preset=one.name) for one in presets() if one.name not in names),
        Beginning(),
    ]


def suggested(project: Project, offered: Iterable[Beginning]) -> str:
    """The key of the recipe that was settled; else of the first with the least in its way, so that enter leads to a run."""
    offered = list(offered)
    settled = steps.chosen_recipe(project)
    if found := next((one for one in offered if one.name == settled and settled), None):
        return found.key
    named = [one for one in offered if one.name]
    best = min(named, key=lambda one: _obstacles(project, one.name), default=offered[-1])
    return best.key


def _obstacles(project: Project, name: str) -> tuple[bool, bool, bool]:
    # It is broken; its base may have to be downloaded, if it can be; its datasets are not built.
    from tarot_tui.training.base import EMBEDDED

    try:
        found = recipes.load(project, project.recipes / f"{name}.yaml")
    except TarotError:
        return True, True, True  # shown when it is chosen
    base = found.model_name_or_path
    here = base == EMBEDDED or project.resolve(base).is_dir()
    return False, not here, not set(found.dataset) <= set(steps.dataset_names(project))


def _written(project: Project, name: str) -> float:
    try:
        return (project.recipes / f"{name}.yaml").stat().st_mtime
    except OSError:
        return 0.0
