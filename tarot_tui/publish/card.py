"""The files written for strangers: the model card, the licence, and those that make ``ollama run hf.co/…`` ask rightly.

(The three for Ollama: huggingface.co/docs/hub/ollama.)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tarot_tui.export.card import card, license_id, license_of

if TYPE_CHECKING:
    from tarot_tui.publish.contents import Contents


def write_texts(found: Contents) -> None:
    """Add the card, the licence and, for GGUFs, what the hub's door to Ollama reads, to ``found.texts``."""
    license_text = license_of(found)
    if license_text and not any(item.name == "LICENSE" for item in found.items):
        found.texts["LICENSE"] = license_text
    if found.kind == "gguf":
        found.texts |= _for_ollama(found.facts)
    if not any(item.name == "README.md" for item in found.items):
        proven = any(item.name == "PROOF.md" for item in found.items)
        found.texts["README.md"] = card(found, license_id(found, license_text), proven)


def _for_ollama(facts: dict[str, Any]) -> dict[str, str]:
    texts = {}
    if template := facts["template"].get("template"):
        texts["template"] = template
    if facts["system"]:
        texts["system"] = facts["system"]
    parameters = {**facts["parameters"], **({"stop": facts["stops"]} if facts["stops"] else {})}
    texts["params"] = json.dumps(parameters, ensure_ascii=False, indent=1) + "\n"
    return texts
