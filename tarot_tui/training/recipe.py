"""A recipe: everything that defines a training, one YAML file with the names of transformers, peft, LLaMA-Factory.

Each parameter is declared once, in :class:`Recipe`: its type, default, limits, what it does, and whether a beginner
needs it. The form, the command line, the YAML and its errors are all read from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Declared

from tarot_tui.errors import BadInput
from tarot_tui.locale import N_, _
from tarot_tui.project import Project, read_yaml, safe_name, write_text
from tarot_tui.text import one_line
from tarot_tui.training.base import EMBEDDED
from tarot_tui.training.fields import Field, declared_field
from tarot_tui.training.values import Names, Real, Shares, Whole


def _p(default: Any, help: str, *, basic: bool = False, **limits: Any) -> Any:
    """One parameter: default, the sentence that says what it does, shown to beginners or not, pydantic's limits."""
    return Declared(default, description=help, json_schema_extra={"basic": basic}, **limits)


class Recipe(BaseModel):
    """One training, as asked for; nothing in it depends on the machine that it is read on."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, protected_namespaces=(), validate_assignment=True
    )

    # What is trained, on what.
    model_name_or_path: str = _p(
        EMBEDDED,
        N_("The base model: a name on the Hugging Face hub, or a folder."),
        basic=True,
        min_length=1,
    )
    dataset: Names = _p(
        ...,
        N_("The datasets to learn, by their names in data/dataset_info.json."),
        basic=True,
        min_length=1,
    )
    adapter_name_or_path: str | None = _p(
        None,
        N_("Go on from this adapter (a run's folder, from 'tarot-tui continue') instead of a fresh one."),
        min_length=1,
    )
    mix_strategy: Literal["concat", "interleave_under", "interleave_over"] = _p(
        "concat",
        N_(
            "Several datasets: one after the other, or mixed until the first is used up (under) or until all are (over)."
        ),
    )
    interleave_probs: Shares = _p(
        None,
        N_("With a mix: the chance of each dataset, such as 0.7,0.3; each in turn when empty."),
        pattern=r"^[0-9.e+-]+(,[0-9.e+-]+)*$",
    )
    eval_dataset: Names = _p([], N_("Datasets that are only measured on, never learned."))
    val_size: Real = _p(
        0.0,
        N_("Share of the samples (below 1) or number of them that is held out and only measured on."),
        ge=0,
    )
    max_samples: Whole | None = _p(
        None, N_("Learn at most so many samples of each dataset, the first ones."), ge=1
    )
    cutoff_len: Whole = _p(
        1024,
        N_("Longest sample in tokens; what is longer loses its end, so it must fit the longest answer."),
        basic=True,
        ge=8,
        le=1_048_576,
    )
    allow_truncation: bool = _p(
        False, N_("Train even when answers are cut off at cutoff_len, instead of refusing.")
    )

    # How it is changed.
    finetuning_type: Literal["lora"] = _p(
        "lora", N_("lora: the base stays as it is and small matrices beside its layers are learned.")
    )
    lora_rank: Whole = _p(
        16, N_("Size of those matrices: more can hold more and takes more memory."), basic=True, ge=1, le=1024
    )
    lora_alpha: Whole | None = _p(
        None, N_("How strongly they act; twice the rank when empty."), ge=1, le=4096
    )
    lora_dropout: Real = _p(
        0.0, N_("Share of their input switched off at random while learning; helps against rote."), ge=0, lt=1
    )
    lora_target: Names = _p(
        ["all"], N_("Which layers get them: all, or module names such as q_proj,v_proj."), min_length=1
    )
    quantization_bit: Literal[4, 8] | None = _p(
        None,
        N_("Keep the base in 4 or 8 bits while training (QLoRA): a quarter or half of its memory."),
        basic=True,
    )
    bf16: bool | None = _p(None, N_("Compute in bfloat16; when empty, wherever the hardware really has it."))
    fp16: bool | None = _p(
        None, N_("Compute in float16, for GPUs without bfloat16; when empty, on those only.")
    )
    gradient_checkpointing: bool = _p(
        True, N_("Compute activations twice instead of keeping them: less memory, about a fifth slower.")
    )

    # The steps.
    per_device_train_batch_size: Whole = _p(
        2, N_("Samples that a device works on at once: the first thing to lower when memory runs out."),
        basic=True, ge=1, le=4096,
    )  # fmt: skip
    gradient_accumulation_steps: Whole = _p(
        4, N_("Batches that are added up to one optimiser step."), basic=True, ge=1, le=65536
    )
    learning_rate: Real = _p(
        2e-4, N_("How far one step goes; LoRA wants 1e-4 to 1e-3."), basic=True, gt=0, le=1
    )
    num_train_epochs: Real = _p(3.0, N_("How many times every sample is seen."), basic=True, gt=0, le=10_000)
    max_steps: Whole = _p(
        -1, N_("Stop after so many optimiser steps, whatever the epochs; -1 for no such limit."), ge=-1
    )
    lr_scheduler_type: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt", "polynomial"
    ] = _p("cosine", N_("How the learning rate falls over the steps."))
    warmup_ratio: Real = _p(
        0.03, N_("Share of the steps in which the learning rate rises from zero."), ge=0, lt=1
    )
    weight_decay: Real = _p(0.0, N_("How strongly the learned weights are pulled to zero."), ge=0, le=1)
    max_grad_norm: Real = _p(1.0, N_("Longest gradient of a step; longer ones are shortened to it."), gt=0)
    optim: Literal[
        "adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor", "sgd"
    ] = _p("adamw_torch", N_("The optimiser; the 8-bit ones need bitsandbytes and a GPU."))
    seed: Whole = _p(
        42, N_("With the same seed, data and machine a run repeats itself exactly."), ge=0, le=2**32 - 1
    )

    # What is written on the way.
    logging_steps: Whole = _p(1, N_("Steps between two points of the loss curve."), ge=1)
    save_steps: Whole = _p(100, N_("Steps between two checkpoints."), ge=1)
    save_total_limit: Whole = _p(2, N_("Checkpoints that are kept; older ones are deleted."), ge=1)

    @property
    def probabilities(self) -> list[float] | None:
        """``interleave_probs`` as numbers."""
        return [float(part) for part in self.interleave_probs.split(",")] if self.interleave_probs else None

    @property
    def alpha(self) -> int:
        """``lora_alpha`` in force: twice the rank unless it was given."""
        return self.lora_alpha or 2 * self.lora_rank


def fields() -> list[Field]:
    """Every parameter, in the order of the recipe."""
    return [declared_field(name, info) for name, info in Recipe.model_fields.items()]


def find(project: Project, ref: str | None) -> Path:
    """The recipe file that ``ref`` means: a path, or a name in ``recipes/``; None for the only one there.

    Raises BadInput that lists what there is.
    """
    names = {path.stem: path for path in sorted(project.recipes.glob("*.yaml"))}
    if ref is None:
        if len(names) == 1:
            return next(iter(names.values()))
        if not names:
            raise BadInput(
                _("{folder} holds no recipe: name one, or say what to train with --set dataset=NAME.").format(
                    folder=project.recipes
                )
            )
        raise BadInput(_("Which recipe? There are {names}.").format(names=", ".join(names)))
    if ref in names:
        return names[ref]
    for path in (Path(ref).expanduser(), project.root / ref, project.recipes / ref):
        if path.is_file():
            return path
    near = get_close_matches(ref, names, 1)
    hint = (
        _("did you mean '{near}'?").format(near=near[0])
        if near
        else _("there are {names}.").format(names=", ".join(names) or "–")
    )
    raise BadInput(_("No recipe '{ref}': {hint}").format(ref=one_line(ref, 80), hint=hint))


def load(project: Project, path: Path | None, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in ``path`` (None: the defaults) with ``key=value`` overrides, each value a YAML scalar or list.

    Raises BadInput that names the file (or ``--set``), the key, and what is allowed.
    """
    found = read_yaml(path) if path else {}
    source = dict.fromkeys(found, str(path))
    for key, value in map(parse_override, overrides):
        found[key] = value
        source[key] = "--set"
    return validate(found, source, str(path) if path else "--set")


def changed(recipe: Recipe, overrides: Iterable[str]) -> Recipe:
    """``recipe`` with ``key=value`` overrides. Raises BadInput as :func:`load` does."""
    given = dict(map(parse_override, overrides))
    return validate({**recipe.model_dump(), **given}, dict.fromkeys(given, "--set"))


def validate(values: dict[str, Any], source: dict[str, str] | None = None, where: str = "recipe") -> Recipe:
    """``values`` as a recipe; ``source`` says per key, and ``where`` otherwise, where it was read, for the errors."""
    recipe, wrong = judge(values, source, where)
    if recipe is None:
        raise BadInput(wrong[0])
    return recipe


def judge(
    values: dict[str, Any], source: dict[str, str] | None = None, where: str = "recipe"
) -> tuple[Recipe | None, list[str]]:
    """``values`` as a recipe, or None and a sentence for each thing that is wrong with them."""
    source = source or {}
    wrong = [_unknown(str(key), source.get(key, where)) for key in values if key not in Recipe.model_fields]
    # A key without a value means what it means in an empty form: the default.
    values = {
        key: value
        for key, value in values.items()
        if key in Recipe.model_fields and (value is not None or Recipe.model_fields[key].is_required())
    }
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        keys = dict.fromkeys(str(one["loc"][0]) for one in error.errors())
        return None, wrong + [_wrong(key, values, source, where) for key in keys]
    if recipe.bf16 and recipe.fp16:
        wrong.append(
            _("{file}: bf16 and fp16 cannot both be true: choose one.").format(file=source.get("bf16", where))
        )
    wrong += _wrong_mix(recipe, source.get("interleave_probs", where))
    if recipe.max_steps == 0:
        wrong.append(
            _("{file}: max_steps must be -1 (no limit) or at least 1.").format(
                file=source.get("max_steps", where)
            )
        )
    return (None if wrong else recipe), wrong


def _wrong_mix(recipe: Recipe, where: str) -> list[str]:
    """What LLaMA-Factory's own rules for chances object to."""
    if recipe.probabilities is None:
        return []
    if recipe.mix_strategy == "concat":
        return [
            _("{file}: interleave_probs needs mix_strategy interleave_under or interleave_over.").format(
                file=where
            )
        ]
    if len(recipe.probabilities) != len(recipe.dataset):
        return [
            _("{file}: interleave_probs has {count} numbers, and there are {datasets} datasets.").format(
                file=where, count=len(recipe.probabilities), datasets=len(recipe.dataset)
            )
        ]
    return []


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, every key written out, that :func:`load` reads back."""
    import yaml

    values = recipe.model_dump()
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = ",".join(value) or None
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def write(project: Project, name: str, text: str, *, replace: bool = False) -> Path:
    """Put the YAML ``text``, remarks and all, into ``recipes/<name>.yaml``; the file.

    Raises BadInput when it is no valid recipe, and when there is one of that name unless ``replace``.
    """
    import yaml

    path = project.recipes / f"{safe_name(name, _('recipe'))}.yaml"
    validate(yaml.safe_load(text), where=path.name)
    if path.exists() and not replace:
        raise BadInput(
            _("{file} exists: choose another name with -o, or give --replace.").format(
                file=project.relative(path)
            )
        )
    project.recipes.mkdir(exist_ok=True)
    write_text(path, text)
    return path


def parse_override(text: str) -> tuple[str, Any]:
    """The key and the value, read as YAML, of ``key=value``. Raises BadInput."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(_("--set {text}: write it as key=value.").format(text=one_line(text, 80)))
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise BadInput(
            _("--set {text}: the value is not valid YAML; quote it.").format(text=one_line(text, 80))
        ) from None


def _unknown(key: str, where: str) -> str:
    near = get_close_matches(key.strip().lower(), Recipe.model_fields, 1)
    hint = (
        _("did you mean '{near}'?").format(near=near[0])
        if near
        else _("'tarot-tui train --keys' lists them.")
    )
    return _("{file}: unknown key '{key}': {hint}").format(file=where, key=one_line(key, 60), hint=hint)


def _wrong(key: str, values: dict[str, Any], source: dict[str, str], where: str) -> str:
    if key not in values:
        return _("{file}: '{key}' is missing: {help}").format(
            file=where, key=key, help=_(Recipe.model_fields[key].description or "")
        )
    return _("{file}: {key}: {value} is not allowed: it must be {allowed}.").format(
        file=source.get(key, where),
        key=key,
        value=one_line(repr(values[key]), 60),
        allowed=declared_field(key, Recipe.model_fields[key]).allowed,
    )
