"""What computes the model: Liger's kernels where they are asked for and can run, else our own."""

from __future__ import annotations

from importlib.util import find_spec

from torch import nn

from tarot_tui.locale import _
from tarot_tui.training.engines.fused import Fused, fuse
from tarot_tui.training.engines.model import plain
from tarot_tui.training.recipe import Recipe


def fit(model: nn.Module, recipe: Recipe, *, cpu: bool) -> Fused:
    """Make ``model`` faster in place, as the recipe wants it; says in the log what could not be."""
    liger = recipe.enable_liger_kernel and not cpu and _take_liger(model)
    if recipe.enable_liger_kernel and not liger:
        print(
            _(
                "Our own kernels are used: Liger's need a GPU, the package liger-kernel and a model they know."
            ),
            flush=True,
        )
    # Who chooses a kind of attention gets that one.
    made = fuse(model, rows=recipe.flash_attn in ("auto", "fa2"), ours=not liger)
    for sentence in made.left:
        print(sentence, flush=True)
    return made


def _take_liger(model: nn.Module) -> bool:
    """Let Liger's kernels compute the model; whether they do."""
    if find_spec("liger_kernel") is None:
        return False
    from transformers.integrations.liger import apply_liger_kernel

    before = vars(plain(model)).get("forward")
    apply_liger_kernel(model, None)
    # What it does not know it leaves as it is.
    return vars(plain(model)).get("forward") is not before
