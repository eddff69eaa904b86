"""From a run back to a recipe: the same again, or one that goes on from its adapter."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.jobs import files, retry
from tarot_tui.jobs.spec import read_spec
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.training.adapter import read_adapter, values_of
from tarot_tui.training.recipe import Recipe, dump


def recipe_of(folder: Path) -> Recipe:
    """The recipe in force of a run: as asked for, and what was changed since because memory ran out.

    Raises BadInput for a job that is no training, or a damaged one.
    """
    spec = read_spec(folder)
    request = spec.get("request")
    if spec.get("kind") != "train" or not isinstance(request, dict):
        raise BadInput(_("{job} is not a training.").format(job=folder.name))
    request = retry.in_force(folder, request)
    try:
        return Recipe.model_validate({name: request[name] for name in Recipe.model_fields if name in request})
    except ValueError:
        raise BadInput(_("{file}: the recipe in it is damaged.").format(file=folder / files.SPEC)) from None


def continued(project: Project, run: Path, weights: Path) -> Recipe:
    """The recipe of ``run``, beginning with what it has trained, in the folder ``weights`` (its own, or a checkpoint's).

    Raises BadInput when that should be an adapter and is none.
    """
    recipe, place = recipe_of(run), project.relative(weights)
    if recipe.finetuning_type == "full":
        return recipe.model_copy(update={"model_name_or_path": place})
    fixed = values_of(read_adapter(weights))
    return recipe.model_copy(update={**fixed, "adapter_name_or_path": place})


def save_recipe(project: Project, recipe: Recipe, name: str) -> Path:
    """Write ``recipe`` as ``recipes/<name>.yaml``, or ``<name>-2`` and so on when that is taken; the file."""
    project.recipes.mkdir(exist_ok=True)
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    path = next(path for name in names if not (path := project.recipes / f"{name}.yaml").exists())
    write_text(path, dump(recipe))
    return path
