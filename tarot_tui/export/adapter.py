"""An adapter folder as peft writes it, opened and judged by its settings.

A kind of adapter that is not merged exactly is refused by the name of the setting in ``adapter_config.json`` that
asks for it. The names of settings are peft's (``peft/tuners/lora/config.py``).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, Refused
from tarot_tui.export.products import Stored
from tarot_tui.export.safetensors_file import SafetensorsFile
from tarot_tui.locale import _
from tarot_tui.text import one_line

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"

# What the merge understands, and what has no bearing on it. Any other setting that is on is refused by name, so that
# a feature of a newer peft is never silently ignored.
_UNDERSTOOD = {
    "peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save", "bias",
    "init_lora_weights", "ensure_weight_tying", "use_dora", "fan_in_fan_out", "lora_bias", "trainable_token_indices",
    "target_parameters",
}  # fmt: skip
_NO_BEARING = {
    "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
    "target_modules", "exclude_modules", "lora_dropout", "layers_to_transform", "layers_pattern", "megatron_core",
    "loftq_config", "eva_config", "qalora_group_size", "runtime_config",
}  # fmt: skip
# Ways to begin that leave the base as it was; the others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) change it.
_PURE_STARTS = (True, False, "gaussian", "eva", "orthogonal", None)


@dataclass(frozen=True)
class Weighted:
    """An adapter's folder, and how much of what it learned is merged: 1 for all."""

    folder: Path
    weight: float = 1.0


class Adapter:
    """An open adapter folder. ``weight``: how much of what it learned is merged, 1 for all."""

    def __init__(self, folder: Path, weight: float = 1.0) -> None:
        """Raises BadInput when it is not an adapter, Refused when it is damaged or of a kind we do not merge."""
        self.folder, self.weight = folder, weight
        self.config = read_json(folder / CONFIG)
        _refuse_unknown_kinds(self.config)
        if not (folder / WEIGHTS).exists() and (folder / "adapter_model.bin").exists():
            raise Refused(
                _(
                    "{folder} holds its weights as a pickle (adapter_model.bin), which could run anything; save it as "
                    "safetensors first."
                ).format(folder=folder)
            )
        self.file = SafetensorsFile(folder / WEIGHTS)

    def __getitem__(self, name: str) -> Stored:
        return Stored(self.file, name)

    def __contains__(self, name: str) -> bool:
        return name in self.file.tensors

    def scale(self, module: str, rank: int) -> float:
        """weight · lora_alpha / r, or / √r under rsLoRA (Kalajdzievski 2023), with this module's own r and alpha.

        Raises Refused when the weights have another ``rank`` than the settings say.
        """
        config = self.config
        if _of_module(config.get("rank_pattern"), module, config["r"]) != rank:
            raise Refused(
                _(
                    "The adapter's rank for '{module}' is not the one in adapter_config.json; it is damaged."
                ).format(module=one_line(module))
            )
        alpha = _of_module(config.get("alpha_pattern"), module, config["lora_alpha"])
        return self.weight * alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)

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
    """The ``config.json`` of a base that can be merged into. Raises Refused for a quantised one, naming the method."""
    config = read_json(folder / "config.json")
    if method := _quantised(folder, config):
        raise Refused(
            _(
                "The base in {folder} is quantised ({method}); merging into it would lose what was trained. "
                "Give the unquantised model it was made from, with --base."
            ).format(folder=folder, method=one_line(method, 40))
        )
    return config


def _quantised(folder: Path, config: dict[str, Any]) -> str:
    """How a base is quantised; empty when it is not. Older GPTQ and AWQ models say so in a file of their own."""
    text = config.get("text_config")
    for holder in (config, text if isinstance(text, dict) else {}):
        if said := holder.get("quantization_config"):
            return str(said.get("quant_method") or "?") if isinstance(said, dict) else "?"
    files = {"quantize_config.json": "gptq", "quant_config.json": "awq"}
    return next((method for name, method in files.items() if (folder / name).is_file()), "")


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
    if config.get("bias", "none") not in ("none", "all", "lora_only"):
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
