"""The tokens that begin and end: which stop an answer, and whether the runtime puts a BOS before a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tarot_tui.export.chat_template import json_object, special_tokens


def eos_tokens(model: Path, tokenizer: Path | None = None) -> tuple[str, ...]:
    """What the tokenizer and the generation config (else the config) of a model folder call the end.

    tokenizer: the folder of the tokenizer, where that is another one.
    """
    tokenizer = tokenizer or model
    eos = json_object(tokenizer / "tokenizer_config.json").get("eos_token")
    found = [eos.get("content") if isinstance(eos, dict) else eos]
    ids = json_object(model / "generation_config.json").get("eos_token_id")
    if ids is None:
        ids = json_object(model / "config.json").get("eos_token_id")
    tokens = {token.get("id"): token["content"] for token in added_tokens(tokenizer)}
    found += [tokens.get(i) for i in (ids if isinstance(ids, list) else [ids]) if isinstance(i, int)]
    return tuple(dict.fromkeys(token for token in found if isinstance(token, str) and token))


def stop_after_answer(after: str, folder: Path) -> list[str]:
    """The token that the template writes behind an answer, given what it writes there; [] where that is no token."""
    after = after.lstrip()
    ends = [
        token["content"]
        for token in added_tokens(folder)
        if token["content"] and after.startswith(token["content"])
    ]
    return [max(ends, key=len)] if ends else []


def added_tokens(folder: Path) -> list[dict[str, Any]]:
    """The tokens of ``tokenizer.json`` that are matched as they are: ``{"id", "content", "special", …}``."""
    found = json_object(folder / "tokenizer.json").get("added_tokens")
    if not isinstance(found, list):
        return []
    return [token for token in found if isinstance(token, dict) and isinstance(token.get("content"), str)]


def runtime_adds_bos(folder: Path) -> bool:
    """Whether llama.cpp will put a BOS before prompts of this tokenizer.

    The order is that of ``gguf.SpecialVocab``, then llama.cpp's default: only SentencePiece vocabularies get one.
    """
    said = json_object(folder / "tokenizer_config.json").get("add_bos_token")
    if isinstance(said, bool):
        return said
    tokenizer = json_object(folder / "tokenizer.json")
    processor = tokenizer.get("post_processor") or {}
    bos = special_tokens(folder).get("bos_token")
    for one in processor.get("processors", [processor]):
        single = one.get("single") or []
        if one.get("type") == "TemplateProcessing" and len(single) > 1:
            return single[0].get("SpecialToken", {}).get("id") == bos
    model = tokenizer.get("model") or {}
    return bool(model.get("byte_fallback")) or not tokenizer and (folder / "tokenizer.model").is_file()
