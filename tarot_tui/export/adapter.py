"""What a PEFT LoRA adapter does to which tensor of its base: a plan, made before a byte is written.

Every tensor of the adapter is used by the plan, or the export is refused and the tensor named. A kind of adapter
that is not merged exactly is refused by the name of the setting in ``adapter_config.json`` that asks for it.
The names of tensors and settings are peft's (``peft/tuners/lora``, ``peft/utils/save_and_load.py``).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tarot_tui.errors import BadInput, Refused
from tarot_tui.export.safetensors_file import FLOATS, Checkpoint, SafetensorsFile
from tarot_tui.locale import _
from tarot_tui.text import one_line

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."
_HEAD = "lm_head.weight"

# What the merge understands, and what has no bearing on it. Any other setting that is on is refused by name, so that
# a feature of a newer peft is never silently ignored.
_UNDERSTOOD = {
    "peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save", "bias",
    "init_lora_weights", "ensure_weight_tying",
}  # fmt: skip
_NO_BEARING = {
    "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
    "target_modules", "exclude_modules", "lora_dropout", "layers_to_transform", "layers_pattern", "megatron_core",
    "loftq_config", "eva_config", "qalora_group_size",
}  # fmt: skip
# Ways to begin that leave the base as it was; the others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) change it.
_PURE_STARTS = (True, False, "gaussian", "eva", "orthogonal", None)


@dataclass(frozen=True)
class LowRank:
    """``scale`` · left @ right is added to a weight.

    Of a linear layer, left is ``lora_B`` (out, r) and right is ``lora_A`` (r, in). Of an embedding, left is the
    transpose of ``lora_embedding_A`` (r, vocabulary) and right that of ``lora_embedding_B`` (width, r).
    """

    a: str
    b: str
    scale: float
    embedding: bool = False


@dataclass(frozen=True)
class Change:
    """What happens to one tensor: perhaps its content is replaced, then the low-rank products are added."""

    replacement: str | None = None
    products: tuple[LowRank, ...] = ()


@dataclass
class Plan:
    """All changes of one export, by the tensor's name in the base.

    untied: the embedding that a new ``lm_head.weight`` starts from, when the adapter breaks the tie.
    vocabulary: the new number of rows of the embedding, when the adapter brings a resized one.
    """

    changes: dict[str, Change] = field(default_factory=dict)
    untied: str | None = None
    vocabulary: int | None = None

    def source(self, name: str) -> str:
        """The tensor of the base that the tensor ``name`` of the result starts from."""
        return self.untied if self.untied and name == _HEAD else name

    @property
    def added(self) -> tuple[str, ...]:
        """Tensors of the result that the base has not."""
        return (_HEAD,) if self.untied else ()

    def config(self, config: dict[str, Any]) -> dict[str, Any]:
        """The base's ``config.json`` as the result needs it."""
        changed = json.loads(json.dumps(config))
        if self.untied:
            changed["tie_word_embeddings"] = False
        if self.vocabulary:
            holder = changed.get("text_config") if "vocab_size" not in changed else changed
            (changed if holder is None else holder)["vocab_size"] = self.vocabulary
        return changed


class Adapter:
    """An open adapter folder."""

    def __init__(self, folder: Path) -> None:
        """Raises BadInput when it is not an adapter, Refused when it is damaged or of a kind we do not merge."""
        self.folder = folder
        self.config = read_json(folder / CONFIG)
        _refuse_unknown_kinds(self.config)
        self.file = SafetensorsFile(folder / WEIGHTS)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one of its tensors."""
        return self.file.tensors[name].shape

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def __enter__(self) -> Adapter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises BadInput that names the file."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(_("{file} does not exist.").format(file=path)) from None
    except (OSError, ValueError, RecursionError):
        raise BadInput(_("{file} is not readable JSON.").format(file=path)) from None
    if not isinstance(found, dict):
        raise BadInput(_("{file} is not a JSON object.").format(file=path))
    return found


def check_base(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a base that can be merged into. Raises Refused for a quantised one."""
    config = read_json(folder / "config.json")
    if config.get("quantization_config"):
        raise Refused(
            _(
                "The base in {folder} is quantised; merging into it would lose what was trained. "
                "Give the unquantised model it was made from."
            ).format(folder=folder)
        )
    return config


def make_plan(base: Checkpoint, adapter: Adapter, config: dict[str, Any]) -> Plan:
    """What ``adapter`` does to ``base`` (whose ``config.json`` is ``config``). Raises Refused, naming the tensor."""
    left = dict.fromkeys(adapter.file.tensors)
    products = _low_rank(adapter, left)
    replacements = _replacements(adapter, left)
    if left:
        raise Refused(
            _("The adapter holds '{tensor}', which cannot be merged exactly; nothing was exported.").format(
                tensor=one_line(next(iter(left)))
            )
        )
    names = sorted(set(products) | set(replacements))
    plan = Plan({name: Change(replacements.get(name), tuple(products.get(name, ()))) for name in names})
    _settle_tie(plan, base, adapter, config)
    for name, change in plan.changes.items():
        _check(name, change, plan, base, adapter)
    _settle_vocabulary(plan, base, adapter, config)
    return plan


def _refuse_unknown_kinds(config: dict[str, Any]) -> None:
    def refuse(key: str) -> Refused:
        return Refused(
            _(
                "This adapter cannot be merged exactly: adapter_config.json has {key}: {value}, "
                "which this version of tarot-tui does not merge."
            ).format(key=one_line(key, 60), value=one_line(str(config.get(key)), 60))
        )

    if config.get("peft_type") != "LORA":
        raise refuse("peft_type")
    for key, value in config.items():
        if value and key not in _UNDERSTOOD and key not in _NO_BEARING:
            raise refuse(key)
    if config.get("bias", "none") != "none":
        raise refuse("bias")
    start = config.get("init_lora_weights", True)
    if not isinstance(start, bool | str | None) or start not in _PURE_STARTS:
        raise refuse("init_lora_weights")
    numbers = [config.get("r"), config.get("lora_alpha")]
    for key in ("rank_pattern", "alpha_pattern"):
        pattern = config.get(key) or {}
        if not isinstance(pattern, dict):
            raise refuse(key)
        numbers += pattern.values()
    if any(type(n) not in (int, float) or not math.isfinite(n) or n <= 0 for n in numbers):
        raise Refused(
            _(
                "adapter_config.json holds a rank or lora_alpha that is no positive number; nothing was exported."
            )
        )


def _low_rank(adapter: Adapter, left: dict[str, None]) -> dict[str, list[LowRank]]:
    products: dict[str, list[LowRank]] = {}
    for key in list(left):
        match = re.fullmatch(re.escape(_PREFIX) + r"(.+)\.lora_(embedding_A|A\.weight)", key)
        if not match or key not in left:
            continue
        module, embedding = match[1], match[2] == "embedding_A"
        partner = key.replace(".lora_embedding_A", ".lora_embedding_B").replace(".lora_A.", ".lora_B.")
        if partner not in left:
            raise Refused(
                _("The adapter holds '{tensor}' without its other half; it is incomplete.").format(
                    tensor=one_line(key)
                )
            )
        del left[key], left[partner]
        scale = _scale(adapter.config, module, adapter.shape(key)[0])
        products.setdefault(f"{module}.weight", []).append(LowRank(key, partner, scale, embedding))
    return products


def _scale(config: dict[str, Any], module: str, rank: int) -> float:
    """lora_alpha / r, or / sqrt(r) under rsLoRA (Kalajdzievski 2023), with this module's own r and alpha."""
    if _of_module(config.get("rank_pattern"), module, config["r"]) != rank:
        raise Refused(
            _(
                "The adapter's rank for '{module}' is not the one in adapter_config.json; it is damaged."
            ).format(module=one_line(module))
        )
    alpha = _of_module(config.get("alpha_pattern"), module, config["lora_alpha"])
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _of_module(patterns: dict[str, float] | None, module: str, default: float) -> float:
    # The first pattern that matches wins: peft.utils.other.get_pattern_key.
    for pattern, value in (patterns or {}).items():
        try:
            if re.match(rf"(.*\.)?({pattern})$", module):
                return value
        except re.error:
            raise Refused(
                _("adapter_config.json: '{pattern}' is not a pattern that can be matched.").format(
                    pattern=one_line(pattern, 60)
                )
            ) from None
    return default


def _replacements(adapter: Adapter, left: dict[str, None]) -> dict[str, str]:
    """Whole tensors: ``modules_to_save``, and the base weight that peft saves beside a targeted embedding."""
    found: dict[str, str] = {}
    for key in list(left):
        if not key.startswith(_PREFIX) or ".lora_" in key or not key.endswith((".weight", ".bias")):
            continue
        name = key.removeprefix(_PREFIX)
        if (
            ".original_module." in name
            and f"{_PREFIX}{name.replace('.original_module.', '.')}" in adapter.file.tensors
        ):
            del left[key]  # peft's copy of what the saved module replaces
            continue
        name = name.replace(".modules_to_save.", ".").replace(".base_layer.", ".")
        if name not in found or _equal(adapter, found[name], key):  # peft saves some tensors under two names
            found[name] = key
            del left[key]
    return found


def _settle_tie(plan: Plan, base: Checkpoint, adapter: Adapter, config: dict[str, Any]) -> None:
    """Where embedding and ``lm_head`` are one tensor, decide whether they still are, as in the unmerged model.

    peft's own merge writes both changes into the one tensor and is wrong (peft #2018, transformers #45127); here the
    result gets a ``lm_head`` of its own when the two are no longer equal.
    """
    text = config.get("text_config") or {}
    tied = config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))
    embedding = next((name for name in base if name.endswith(("embed_tokens.weight", "wte.weight"))), None)
    if not tied or _HEAD in base or embedding is None:
        return
    input_side, output_side = plan.changes.get(embedding), plan.changes.get(_HEAD)
    if input_side is None and output_side is None:
        return
    if adapter.config.get("ensure_weight_tying"):
        raise Refused(
            _(
                "This adapter cannot be merged exactly: ensure_weight_tying with trained embeddings "
                "is not merged by this version of tarot-tui."
            )
        )
    if _same_content(input_side, output_side, adapter):
        del plan.changes[_HEAD]
    else:
        plan.untied = embedding
        plan.changes.setdefault(_HEAD, Change())


def _same_content(one: Change | None, other: Change | None, adapter: Adapter) -> bool:
    if one is None or other is None or one.products or other.products:
        return False
    if one.replacement is None or other.replacement is None:
        return False
    return _equal(adapter, one.replacement, other.replacement)


def _equal(adapter: Adapter, one: str, other: str) -> bool:
    return np.array_equal(adapter.file.read(one), adapter.file.read(other))


def _check(name: str, change: Change, plan: Plan, base: Checkpoint, adapter: Adapter) -> None:
    source = plan.source(name)
    if source not in base:
        raise Refused(
            _(
                "The adapter changes '{tensor}', which the base in {folder} does not have: is it the base "
                "this was trained on?"
            ).format(tensor=one_line(name), folder=base.folder)
        )
    tensor = base[source]
    dtypes = [tensor.dtype, *(adapter.file.tensors[key].dtype for key in _keys(change))]
    if other := [dtype for dtype in dtypes if dtype not in FLOATS]:
        raise Refused(
            _("'{tensor}' is of type {dtype}, which cannot be merged into.").format(
                tensor=one_line(name), dtype=one_line(other[0], 20)
            )
        )
    shape = adapter.shape(change.replacement) if change.replacement else tensor.shape
    fits = shape == tensor.shape or (_is_vocabulary(name) and shape[1:] == tensor.shape[1:])
    for product in change.products:
        a, b = adapter.shape(product.a), adapter.shape(product.b)
        product_shape = (a[1:] + b[:1]) if product.embedding else (b[:1] + a[1:])
        fits = fits and len(a) == len(b) == 2 and a[0] == b[1] and product_shape == shape
    if not fits:
        raise Refused(
            _(
                "The adapter does not fit '{tensor}' of the base in {folder} (shape {shape}): is it the base "
                "this was trained on?"
            ).format(tensor=one_line(name), folder=base.folder, shape="×".join(map(str, tensor.shape)))
        )


def _keys(change: Change) -> list[str]:
    keys = [key for product in change.products for key in (product.a, product.b)]
    return [*keys, change.replacement] if change.replacement else keys


def _is_vocabulary(name: str) -> bool:
    return name.endswith(("embed_tokens.weight", _HEAD))


def _settle_vocabulary(plan: Plan, base: Checkpoint, adapter: Adapter, config: dict[str, Any]) -> None:
    """A resized vocabulary must be resized on both sides, or the result could not be loaded."""
    rows = {}
    for name in (*base, *plan.added):
        if _is_vocabulary(name):
            change = plan.changes.get(name, Change())
            key = change.replacement
            rows[name] = adapter.shape(key)[0] if key else base[plan.source(name)].shape[0]
    if len(set(rows.values())) > 1:
        raise Refused(
            _(
                "The adapter resizes the vocabulary of '{tensor}' only; embedding and lm_head must agree."
            ).format(
                tensor=one_line(max(rows, key=lambda name: rows[name] != base[plan.source(name)].shape[0]))
            )
        )
    for name, count in rows.items():
        if count != base[plan.source(name)].shape[0]:
            plan.vocabulary = count
