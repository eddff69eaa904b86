"""Names of modules in a recipe that the base's files do not know: a slip is said before the start.

Only a warning: transformers may build a model of other modules than its files are made of. The worker, which has the
model, refuses for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.parameters import Recipe
from tarot_tui.training.presets import shown
from tarot_tui.training.shape import Shape


def unknown_modules(recipe: Recipe, shape: Shape) -> Iterator[Finding]:
    """One warning for each name in ``lora_target`` and ``additional_target`` that no module of the base ends with."""
    if recipe.finetuning_type == "full":
        return
    # A head that shares the embedding's weights has none in the files.
    known = {part for name in (*shape.linear, *shape.other) for part in name.split(".")} | {"lm_head", "all"}
    for key in ("lora_target", "additional_target"):
        names = getattr(recipe, key)
        for name in names:
            last = name.rpartition(".")[2]
            if last in known:
                continue
            near = get_close_matches(last, known, 1)
            mended = [near[0] if one == name else one for one in names] if near else None
            yield Finding(
                f"{key}.unknown",
                "warning",
                _("{key}: nothing in this model's files is called {name}.").format(
                    key=key, name=one_line(name, 60)
                ),
                fix=f"{key}: {shown(mended)}" if mended else "",
            )
