"""What computes the model: Liger's kernels where they are asked for and can run, else our own."""

from __future__ import annotations

from importlib.util import find_spec

from torch import nn

from tarot_tui.locale import _
from tarot_tui.training.engines.fused import Fused, fuse
from tarot_tui.training.recipe import Recipe


def fit(model: nn.Module, recipe: Recipe, *, cpu: bool) -> Fused:
    """Make ``model`` faster in place, as the recipe wants it; says in the log what could not be."""
    # Who chooses a kind of attention gets that one.
    rows = recipe.flash_attn in ("auto", "fa2")
    liger = recipe.enable_liger_kernel and not cpu and find_spec("liger_kernel") is not None
    if liger:
        from transformers.integrations.liger import apply_liger_kernel

        apply_liger_kernel(model, None)
    made = fuse(model, rows=rows, ours=not liger)
    if recipe.enable_liger_kernel and not liger:
        print(_("Liger's kernels need a GPU and the package liger-kernel: our own are used."), flush=True)
    for sentence in made.left:
        print(sentence, flush=True)
    return made
