"""What LLaMA-Factory is told for one of our runs: its YAML in the job's folder, which says everything that it would guess.

Its file can also be run by hand, in the job's folder: ``llamafactory-cli train llamafactory.yaml``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.text import one_line
from tarot_tui.training.device import Precision
from tarot_tui.training.llamafactory_yaml import translate
from tarot_tui.training.presets import shown
from tarot_tui.training.recipe import Recipe

FILE = "llamafactory.yaml"
#: Where the tokens lie, in the job's folder.
TOKENS = "tokens"

#: What is done here, most of it before the samples became tokens; said to it, it would be done twice or contradict it.
_DONE = (
    "cutoff_len", "dataset_dir", "early_stopping_steps", "eval_dataset", "interleave_probs", "mask_history",
    "max_samples", "mix_strategy", "neat_packing", "packing", "template", "train_on_prompt", "val_size", "warmup_ratio",
)  # fmt: skip


def unsupported(project: Project, recipe: Recipe) -> list[str]:
    """The keys of ``recipe`` that LLaMA-Factory cannot carry out, as ``key: value``."""
    data = recipe.model_copy(update={"val_size": 0.0})
    found = translate(project, data, "fp32", Path()).findings
    keys = [one.evidence for one in found if one.id == "llamafactory.unsupported"]
    if recipe.packed and recipe.flash_attn == "fa2":
        # There it goes by positions, and takes one row at a time.
        keys += ["packing", "flash_attn"]
    return [f"{key}: {one_line(shown(getattr(recipe, key)), 60)}" for key in keys]


def check(project: Project, recipe: Recipe) -> None:
    """Raise Refused that names what LLaMA-Factory cannot do of ``recipe``."""
    if keys := unsupported(project, recipe):
        raise Refused(
            _("LLaMA-Factory cannot do {keys}: leave it out, or train with --engine native.").format(
                keys=", ".join(keys)
            )
        )


def arguments(
    project: Project,
    recipe: Recipe,
    request: dict[str, Any],
    *,
    measure: bool,
    plots: bool,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """Its arguments, for a process that works in the job's folder.

    recipe: as one process carries it out. request: the job's. measure: whether samples are held out. plots: whether it
    can draw its pictures of the loss. checkpoint: what it goes on from; None to begin.
    """
    # Both kinds of held-out samples are tokens already; it objects to hearing of both.
    told = recipe.model_copy(update={"eval_dataset": []} if recipe.val_size else {})
    precision: Precision = request["precision"]
    args = translate(project, told, precision, Path()).args
    args = {key: value for key, value in args.items() if key not in _DONE}
    args |= {
        "model_name_or_path": request["base"],
        "tokenized_path": TOKENS,
        # Tokens need no template; this one leaves the tokenizer and its own chat template as they are.
        "template": "empty",
        # Never looked up, but it insists on names.
        "dataset": ",".join(recipe.dataset),
        # In steps: as a share it is on its way out.
        "warmup_steps": recipe.warmup_steps or math.ceil(request["steps"] * recipe.warmup_ratio),
        "output_dir": ".",
        # Of itself it goes on from the last checkpoint, whole or torn, and refuses a folder with an adapter in it.
        "overwrite_output_dir": checkpoint is None,
        "include_num_input_tokens_seen": "non_padding",
        # A NaN must be seen, not averaged away.
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "data_seed": recipe.seed,
        "plot_loss": plots,
        # The rows are full already; this alone makes it keep the samples of a row apart.
        "neat_packing": recipe.packed,
        "use_cpu": request["device"]["kind"] == "cpu",
    }
    if checkpoint:
        args["resume_from_checkpoint"] = checkpoint.name
    return args | (_measuring(recipe, args) if measure else {"eval_strategy": "no"})


def write(folder: Path, args: dict[str, Any]) -> Path:
    """Put ``args`` into the job's folder; the file."""
    import yaml

    head = _("For LLaMA-Factory, in this folder: llamafactory-cli train {file}").format(file=FILE)
    text = yaml.safe_dump(args, sort_keys=False, allow_unicode=True)
    write_text(folder / FILE, f"# {head}\n{text}")
    return folder / FILE


def _measuring(recipe: Recipe, args: dict[str, Any]) -> dict[str, Any]:
    """It measures only where it was told of samples to measure on."""
    return {
        "eval_dataset": ",".join(recipe.eval_dataset) or "held_out",
        "eval_strategy": "steps",
        "eval_steps": args.get("eval_steps", recipe.save_steps),
        "save_total_limit": recipe.kept_checkpoints(measured=True),
        "per_device_eval_batch_size": args.get(
            "per_device_eval_batch_size", recipe.per_device_train_batch_size
        ),
    }
