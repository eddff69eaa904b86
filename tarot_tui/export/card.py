"""The model card: what a model is, what it was made of and how, for readers who have nothing but its folder.

The card is English whatever the language of the screen: its readers are everybody's.
(Its front matter: huggingface.co/docs/hub/model-cards.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.project import write_text
from tarot_tui.text import plain
from tarot_tui.training.base import is_hub_name

_LIBRARIES = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
# How the hub draws the line from the base to this: quantized is for the base's own weights only.
_RELATIONS = {"adapter": "adapter", "merged": "finetune", "gguf": "finetune"}
_LICENSES = (
    ("apache-2.0", r"Apache License\s+Version 2\.0"),
    ("mit", r"\AMIT License|Permission is hereby granted, free of charge"),
    ("gemma", r"Gemma Terms of Use"),
    ("llama3.1", r"LLAMA 3\.1 COMMUNITY LICENSE"),
    ("llama3.2", r"LLAMA 3\.2 COMMUNITY LICENSE"),
    ("llama3.3", r"LLAMA 3\.3 COMMUNITY LICENSE"),
    ("llama3", r"META LLAMA 3 COMMUNITY LICENSE"),
)
_RECIPE = (
    "finetuning_type",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_target",
    "quantization_bit",
    "cutoff_len",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "num_train_epochs",
    "steps",
    "precision",
    "seed",
)


@dataclass(kw_only=True)
class Subject:
    """What a card is about.

    kind: ``adapter``, ``merged`` or ``gguf``. name: of the release or run. base: the base model's name on the hub, or
    its folder's name. base_folder: None where it is not known. facts: the release's (see
    :mod:`tarot_tui.export.release`), or empty. request: the training's, or empty.
    """

    kind: str
    name: str
    base: str
    base_folder: Path | None
    facts: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)


def license_of(found: Subject) -> str:
    """The base's licence text; empty where it brought none."""
    if text := str(found.facts.get("license") or ""):
        return text
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md"):
        if found.base_folder and (path := found.base_folder / name).is_file():
            return path.read_text("utf-8", "replace")
    return ""


def license_id(found: Subject, text: str) -> str:
    """The hub's name for the base's licence: from the base's own card, else by its text, else ``other``."""
    card_of_base = found.base_folder / "README.md" if found.base_folder else None
    if card_of_base and card_of_base.is_file():
        match = re.search(r"^license: *['\"]?([\w.-]+)", card_of_base.read_text("utf-8", "replace"), re.M)
        if match:
            return match.group(1)
    return next((name for name, words in _LICENSES if re.search(words, text)), "other")


def card(found: Subject, license_name: str, proven: bool = False) -> str:
    """The model card: front matter, what it is, how it was made, how to ask it. proven: with a ``PROOF.md`` beside it."""
    import yaml

    front: dict[str, Any] = {
        "license": license_name,
        # Another value than the name of a model there is one the hub does not accept.
        **(
            {"base_model": found.base, "base_model_relation": _RELATIONS[found.kind]}
            if is_hub_name(found.base)
            else {}
        ),
        "library_name": _LIBRARIES[found.kind],
        "pipeline_tag": "text-generation",
        "tags": ["tarot-tui", *(["lora"] if found.kind == "adapter" else []), "conversational"],
    }
    sections = [_what(found), _training(found), _data(found), _prompt(found), _proof(found, proven)]
    text = "\n\n".join(section for section in sections if section)
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n# {found.name}\n\n{plain(text)}\n"


def _what(found: Subject) -> str:
    full = found.request.get("finetuning_type") == "full"
    how = "trained further, all of its weights" if full else "with a LoRA adapter merged into its weights"
    kinds = {
        "adapter": f"A LoRA adapter for `{found.base}`.",
        "merged": f"`{found.base}` {how}.",
        "gguf": f"GGUF files of `{found.base}`"
        + (f" {how}" if found.request else "")
        + ", for llama.cpp and Ollama: "
        + ", ".join(f"`{quant}`" for quant in found.facts.get("ggufs", {}))
        + ".",
    }
    return kinds[found.kind] + " Made with tarot-tui."


def _training(found: Subject) -> str:
    rows = [
        f"| `{key}` | {_value(found.request[key])} |"
        for key in _RECIPE
        if found.request.get(key) not in (None, [], "")
    ]
    return "## Training\n\n| | |\n|---|---|\n" + "\n".join(rows) if rows else ""


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _data(found: Subject) -> str:
    hashes = found.request.get("dataset_sha256") or {}
    lines = [f"- `{name}`, SHA-256 `{digest}`" for name, digest in hashes.items()]
    return "## Data\n\n" + "\n".join(lines) if lines else ""


def _prompt(found: Subject) -> str:
    facts = found.facts
    if not facts:
        return ""
    lines = ["## Prompt", "The chat template is the base's own, and the model was trained with it."]
    if facts["system"]:
        lines.append("It was trained with this system prompt; without it the answers are worse:")
        lines.append("\n".join("> " + line for line in facts["system"].splitlines()))
    if facts["stops"]:
        lines.append("An answer ends at " + ", ".join(f"`{stop}`" for stop in facts["stops"]) + ".")
    return "\n\n".join(lines)


def _proof(found: Subject, proven: bool) -> str:
    if found.kind != "gguf":
        return ""
    return (
        "`template`, `system` and `params` make `ollama run hf.co/…` ask the model exactly as it was trained"
        + (": see `PROOF.md`." if proven else ".")
    )


def write_card(merged: Path, found: Subject) -> None:
    """Put the card, and the base's licence if it brought one, into a merged folder."""
    text = license_of(found)
    if text and not any(merged.glob("LICENSE*")):
        write_text(merged / "LICENSE", text)
    write_text(merged / "README.md", card(found, license_id(found, text)))


def public_name(model: str) -> str:
    """A base's name for strangers: as it is on the hub; of a folder on this machine only the last part."""
    return model if is_hub_name(model) else Path(model).name
