"""Which model a dataset is looked at for, before anybody has said so."""

from __future__ import annotations

from dataclasses import dataclass, field

from tarot_tui.errors import TarotError
from tarot_tui.project import Project
from tarot_tui.tui import steps


@dataclass(frozen=True)
class Likely:
    """A base model as a recipe names it, and the recipe's ``cutoff_len``.

    held_out: what the recipe measures on, by each dataset that it learns.
    """

    model: str
    cutoff_len: int
    held_out: dict[str, str] = field(default_factory=dict)


def likely_model(project: Project) -> Likely | None:
    """The model of the chosen recipe, else of the first whose base is here: looking must not begin a download."""
    from tarot_tui.training import recipe as recipes
    from tarot_tui.training.base import EMBEDDED

    chosen = steps.chosen_recipe(project)
    for name in [chosen] if chosen else steps.recipe_names(project):
        try:
            found = recipes.load(project, project.recipes / f"{name}.yaml")
        except TarotError:
            continue  # the Parameters step says what is wrong with it
        base = found.model_name_or_path
        if chosen or base == EMBEDDED or project.resolve(base).is_dir():
            measured = found.eval_dataset[:1]
            return Likely(base, found.cutoff_len, {one: name for one in found.dataset for name in measured})
    return None
