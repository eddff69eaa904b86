"""Optional packages that a recipe asks for, looked for without importing them: what is missing is said before the start."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.training.parameters import Recipe

#: What a value of a key needs: the module, and what pip calls the package.
_NEEDS = {
    ("report_to", "tensorboard"): ("tensorboard", "tensorboard"),
    ("report_to", "wandb"): ("wandb", "wandb"),
    ("report_to", "trackio"): ("trackio", "trackio"),
    ("quantization_bit", 4): ("bitsandbytes", "bitsandbytes"),
    ("quantization_bit", 8): ("bitsandbytes", "bitsandbytes"),
    ("optim", "adamw_8bit"): ("bitsandbytes", "bitsandbytes"),
    ("optim", "paged_adamw_8bit"): ("bitsandbytes", "bitsandbytes"),
    ("flash_attn", "fa2"): ("flash_attn", "flash-attn --no-build-isolation"),
}


def missing(recipe: Recipe) -> Iterator[Finding]:
    """One error for each package that the recipe needs and this environment lacks."""
    for (key, value), (module, package) in _NEEDS.items():
        if getattr(recipe, key) == value and find_spec(module) is None:
            yield Finding(
                f"{key}.missing",
                "error",
                _("{key}: {value} needs the package {package}, which is not installed.").format(
                    key=key, value=value, package=package.partition(" ")[0]
                ),
                fix=f"pip install {package}",
            )
