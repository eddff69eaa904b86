"""What can be said of a recipe from itself alone: that it is valid, and that its datasets are there.

What it does to the samples, the memory and the disk is the plan's to say (:mod:`.plan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tarot_tui.data.nearest import nearest
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml
from tarot_tui.text import one_line
from tarot_tui.training.recipe import judge, parse_override


def check_file(project: Project, path: Path, overrides: Iterable[str] = ()) -> list[Finding]:
    """Everything that is wrong with the recipe in ``path``; unlike :func:`.recipe.load`, not only the first thing.

    Raises BadInput when it is no YAML mapping.
    """
    values = read_yaml(path)
    source = dict.fromkeys(values, str(path))
    for key, value in map(parse_override, overrides):
        values[key], source[key] = value, "--set"
    recipe, wrong = judge(values, source, str(path))
    found = [Finding("recipe.invalid", "error", sentence) for sentence in wrong]
    return found if recipe is None else [*found, *unknown_datasets(project, recipe.model_dump())]


def unknown_datasets(project: Project, values: dict[str, Any]) -> Iterator[Finding]:
    """One finding for each dataset among a recipe's ``values`` that the project does not have."""
    from tarot_tui.data.registry import read

    names = read(project)
    for key in ("dataset", "eval_dataset"):
        for name in values.get(key) or ():
            if name in names:
                continue
            near = nearest(name, names, 1)
            yield Finding(
                "dataset.unknown",
                "error",
                _("{key}: this project has no dataset '{name}'; it has {names}.").format(
                    key=key, name=one_line(name, 60), names=", ".join(map(one_line, names)) or "–"
                ),
                fix=f"{key}: {near[0]}" if near else "tarot-tui data build SRC -o " + one_line(name, 60),
            )
