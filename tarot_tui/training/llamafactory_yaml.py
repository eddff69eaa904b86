"""A recipe as the YAML that LLaMA-Factory 0.9.5 reads as it is meant.

It fills in its own defaults (eight samples at a time, fp32, a loss point every 500 steps), so every key is written out.
It reads JSON not at all (``hparams/parser.py`` passes a path to ``json.load``), and checks no values in YAML, so a wrong one
would train something else without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.training.device import Precision
from tarot_tui.training.importing.model import family
from tarot_tui.training.importing.names import SHARED
from tarot_tui.training.presets import shown
from tarot_tui.training.recipe import Recipe

#: Keys that it has under another name, or that only concern what is checked before.
_OTHERWISE = {"gradient_checkpointing", "allow_truncation", "on_oom", "sample_answers"}


@dataclass(frozen=True)
class Translated:
    """args: LLaMA-Factory's arguments. findings: what it does otherwise than this program."""

    args: dict[str, Any]
    findings: list[Finding]


def translate(project: Project, recipe: Recipe, precision: Precision, output_dir: Path) -> Translated:
    """``recipe`` for LLaMA-Factory, computing in ``precision``, with its results in ``output_dir``.

    Raises BadInput for what it cannot do.
    """
    if recipe.val_size and recipe.eval_dataset:
        raise BadInput(_("LLaMA-Factory takes val_size or eval_dataset, not both: leave one empty."))
    values = {name: getattr(recipe, name) for name in SHARED}
    args: dict[str, Any] = {
        "stage": "sft",
        "do_train": True,
        **{name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()},
        "lora_alpha": recipe.alpha,
        # It refuses mixed precision beside weights that are in bf16 themselves.
        "bf16": precision == "bf16" and not recipe.pure_bf16,
        "fp16": precision == "fp16",
        "disable_gradient_checkpointing": not recipe.gradient_checkpointing,
        "dataset_dir": str(project.data.resolve()),
        "template": _template(project, recipe),
        "trust_remote_code": False,
        "save_strategy": "steps",
        "output_dir": str(output_dir),
        "overwrite_output_dir": False,
        "plot_loss": True,
        "include_num_input_tokens_seen": True,
        # Its packing alone lets samples see each other.
        "packing": recipe.packed,
        "neat_packing": recipe.packed,
        **_measuring(recipe),
    }
    # Both said, the share would win over the number.
    args.pop("warmup_ratio" if recipe.warmup_steps else "warmup_steps")
    if args.pop("group_by_length", False):
        # Its name since transformers 5, which refuses the old one.
        args["train_sampling_strategy"] = "group_by_length"
    if recipe.quantization_bit:
        # 'bitsandbytes', its name until 0.9.2, would train unquantised without a word.
        args["quantization_method"] = "bnb"
    for key in ("model_name_or_path", "adapter_name_or_path"):
        if args[key] and (folder := project.resolve(args[key])).is_dir():
            args[key] = str(folder.resolve())
    # An empty text would be a name; what is None is its own default, which for these keys is the same.
    args = {name: value for name, value in args.items() if value is not None and value != ""}
    return Translated(args, list(_findings(project, recipe, args)))


def as_yaml(translated: Translated) -> str:
    """The YAML file, its findings as remarks at the top."""
    import yaml

    use = _(
        "For LLaMA-Factory 0.9.5; keep it as YAML, in a folder without spaces: llamafactory-cli train FILE"
    )
    head = [f"# {use}"]
    head += [f"# {one_line(finding.text, 400)}" for finding in translated.findings]
    return "\n".join(head) + "\n" + yaml.safe_dump(translated.args, sort_keys=False, allow_unicode=True)


def _template(project: Project, recipe: Recipe) -> str | None:
    """None: LLaMA-Factory then reads the model's own. It does so by asking it to render a system prompt alone, which
    Gemma's first two refuse, so those are named."""
    names = family(recipe.model_name_or_path, project.root)
    return max(names) if names and names <= {"gemma", "gemma2"} else None


def _measuring(recipe: Recipe) -> dict[str, Any]:
    """When it is measured, as here; the best is the lowest loss. ``no`` is a text, which YAML must quote."""
    if not recipe.val_size and not recipe.eval_dataset:
        return {"eval_strategy": "no"}
    share = recipe.val_size
    if share >= 1:
        # It takes 1 for the whole.
        share = max(2, int(share))
    return {
        "val_size": share,
        "eval_strategy": "steps",
        "eval_steps": recipe.measuring_steps,
        "per_device_eval_batch_size": recipe.eval_batch,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
    }


def _findings(project: Project, recipe: Recipe, args: dict[str, Any]) -> list[Finding]:
    found = []
    if not recipe.allow_truncation:
        text = _(
            "LLaMA-Factory cuts answers at cutoff_len: {cutoff} without a word; the plan says whether any are."
        )
        found.append(
            Finding(
                "llamafactory.cutoff",
                "info",
                text.format(cutoff=recipe.cutoff_len),
                fix="tarot-tui train --dry-run",
            )
        )
    if recipe.val_size == 1:
        found.append(
            Finding(
                "llamafactory.val_size",
                "warning",
                _("val_size: 1 means all of the samples to it; it is given 2."),
            )
        )
    if any(" " in str(args[key]) for key in ("output_dir", "dataset_dir", "model_name_or_path")):
        found.append(
            Finding(
                "llamafactory.spaces",
                "warning",
                _("A path has spaces in it, with which LLaMA-Factory does not start on several GPUs."),
            )
        )
    for name in sorted(set(Recipe.model_fields) - {*SHARED, *_OTHERWISE}):
        if (value := getattr(recipe, name)) != Recipe.model_fields[name].get_default(
            call_default_factory=True
        ):
            text = _("{name}: {value} has no counterpart in LLaMA-Factory and is left out.")
            found.append(
                Finding(
                    "llamafactory.unsupported",
                    "warning",
                    text.format(name=name, value=one_line(shown(value), 60)),
                    evidence=name,
                )
            )
    return found + [
        Finding(
            "llamafactory.openai",
            "warning",
            _(
                "{name} has the formatting 'openai', to which LLaMA-Factory adds 'detailed thinking off'; use sharegpt with tags."
            ).format(name=one_line(name, 60)),
        )
        for name in [*recipe.dataset, *recipe.eval_dataset]
        if _formatting(project, name) == "openai"
    ]


def _formatting(project: Project, name: str) -> str:
    from tarot_tui.data.registry import entry

    try:
        return entry(project, name).formatting
    except BadInput:
        return ""
