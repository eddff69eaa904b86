"""An adapter that is trained further: what it is, and whether it fits the recipe that goes on with it. No torch here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.jobs.files import SPEC
from tarot_tui.jobs.spec import read_spec
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.training.presets import shown
from tarot_tui.training.recipe import Recipe

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter on disk. rank, alpha, dropout, rslora, dora and whole (modules beside LoRA) as in its configuration.

    base: the name of its base model. base_fingerprint: of the base that it was trained on; empty when no run of ours
    says so.
    """

    folder: Path
    rank: int
    alpha: float
    dropout: float
    rslora: bool
    dora: bool
    whole: list[str]
    base: str
    base_fingerprint: str

    def sha256(self) -> str:
        """Of its weights and its configuration."""
        digest = hashlib.sha256((self.folder / CONFIG).read_bytes())
        with open(self.folder / WEIGHTS, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


def find_adapter(project: Project, recipe: Recipe) -> Adapter:
    """The adapter that the recipe names (it must name one). Raises BadInput that says what is missing or wrong."""
    return read_adapter(project.resolve(recipe.adapter_name_or_path or ""))


def read_adapter(folder: Path) -> Adapter:
    """The adapter in ``folder``. Raises BadInput when it is none, or not one of LoRA in safetensors."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise BadInput(
                _("adapter_name_or_path: {folder} holds no {file}.").format(folder=folder, file=name)
            )
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        found = Adapter(
            folder=folder,
            rank=int(config["r"]),
            alpha=float(config["lora_alpha"]),
            dropout=float(config.get("lora_dropout") or 0.0),
            rslora=bool(config.get("use_rslora")),
            dora=bool(config.get("use_dora")),
            whole=sorted(map(str, config.get("modules_to_save") or [])),
            base=one_line(str(config.get("base_model_name_or_path") or "")),
            base_fingerprint=_fingerprint(folder),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            _("{file} is not the configuration of a LoRA adapter.").format(file=folder / CONFIG)
        ) from None
    if config.get("peft_type") != "LORA":
        raise BadInput(_("{file} is not the configuration of a LoRA adapter.").format(file=folder / CONFIG))
    return found


def findings(adapter: Adapter, recipe: Recipe, base_fingerprint: str) -> Iterator[Finding]:
    """What speaks against training ``adapter`` further with ``recipe`` on the base of that fingerprint."""
    if adapter.base_fingerprint and adapter.base_fingerprint != base_fingerprint:
        yield Finding(
            "adapter.other_base",
            "error",
            _("The adapter was trained on another base model ({base}).").format(base=adapter.base or "?"),
            fix=f"model_name_or_path: {adapter.base}" if adapter.base else "",
        )
    elif not adapter.base_fingerprint and adapter.base != recipe.model_name_or_path:
        yield Finding(
            "adapter.base_unknown",
            "warning",
            _("The adapter says that its base is {base}: make sure that this is the same model.").format(
                base=adapter.base or "?"
            ),
        )
    asked = {
        "lora_rank": recipe.lora_rank,
        "lora_alpha": recipe.alpha,
        "use_rslora": recipe.use_rslora,
        "use_dora": recipe.use_dora,
        "additional_target": sorted(recipe.additional_target),
    }
    for key, value in asked.items():
        if (fixed := values_of(adapter)[key]) != value:
            yield _must_agree(key, shown(fixed))


def values_of(adapter: Adapter) -> dict[str, Any]:
    """The keys of a recipe that an adapter fixes."""
    return {
        "lora_rank": adapter.rank,
        "lora_alpha": round(adapter.alpha),
        "lora_dropout": adapter.dropout,
        "use_rslora": adapter.rslora,
        "use_dora": adapter.dora,
        "additional_target": adapter.whole,
    }


def _must_agree(key: str, value: str) -> Finding:
    return Finding(
        f"adapter.{key}",
        "error",
        _("The adapter was made with {key} {value}, which cannot be changed any more.").format(
            key=key, value=value or "–"
        ),
        fix=f"{key}: {value}".rstrip(),
    )


def _fingerprint(folder: Path) -> str:
    """What the run says that saved the adapter, be it in its own folder or in a checkpoint's."""
    for place in (folder, folder.parent):
        if (place / SPEC).is_file():
            try:
                request = read_spec(place).get("request")
            except BadInput:
                return ""
            found = request.get("base_fingerprint") if isinstance(request, dict) else None
            return found if isinstance(found, str) else ""
    return ""
