"""The files that make a tokenizer and its chat template: the base's own, or those that were saved with the adapter."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.export.chat_template import chat_template, special_tokens, trained_with

_NAMES = ("tokenizer", "special_tokens_map", "added_tokens", "chat_template", "vocab", "merges")
_COUNT = ("bos_token", "eos_token")


def is_one(name: str) -> bool:
    """Whether a file of that name belongs to a tokenizer."""
    return name.startswith(_NAMES)


def instead(base: Path, adapter: Path | None, *, resized: bool) -> Path | None:
    """The adapter's folder where its tokenizer must take the place of the base's; None where the base's is as good.

    It must when the vocabulary was resized, and when it trained with another chat template or with other tokens around
    a conversation. Else the base's files stay, which the converter is sure to know.
    """
    if resized or adapter is None:
        return adapter
    saved = trained_with(base, adapter)
    same = chat_template(saved) == chat_template(base) and _around(saved) == _around(base)
    return None if same else saved


def _around(folder: Path) -> list[str | None]:
    tokens = special_tokens(folder)
    return [tokens.get(name) for name in _COUNT]
