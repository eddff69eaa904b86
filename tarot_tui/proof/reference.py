"""The trained model itself, as transformers and peft run it: probabilities at the same places, answers before and after.

This is what the served model is compared with, so nothing of the export is in it: base, adapter, tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.proof.judge import Position
from tarot_tui.proof.material import TOP, Material
from tarot_tui.proof.served import NUM_PREDICT

#: The base never learned when to stop; so many tokens show what it would say.
_BASE = 60


@dataclass(frozen=True)
class Reference:
    """positions: of all samples, one after the other. base, tuned: the answers to the questions, greedily."""

    positions: list[Position]
    base: list[str]
    tuned: list[str]


def tokens_of(folder: Path, texts: list[str]) -> list[list[int]]:
    """What the tokenizer in ``folder`` makes of ``texts``, without the tokens it would put around them."""
    from tarot_tui.training.encode import load_tokenizer

    tokenizer = load_tokenizer(folder)
    return [tokenizer(text, add_special_tokens=False)["input_ids"] if text else [] for text in texts]


def run(
    base: Path,
    adapter: Path | None,
    material: Material,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reference:
    """Load the model once, measure and ask. Raises what torch raises when memory does not suffice."""
    import torch

    from tarot_tui.training.encode import load_tokenizer

    tokenizer = load_tokenizer(material.tokenizer)
    model = _load(base, adapter)
    total = len(material.samples) + 2 * len(material.questions)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    with torch.inference_mode():
        positions = []
        for sample in material.samples:
            positions += _positions(model, sample.tokens, sample.start)
            tell()
        tuned = [_answer(model, tokenizer, question, tell) for question in material.questions]
        if adapter is None:
            return Reference(positions, tuned, tuned)
        with model.disable_adapter():
            before = [_answer(model, tokenizer, question, tell, _BASE) for question in material.questions]
    return Reference(positions, before, tuned)


def _load(base: Path, adapter: Path | None) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    # fp32 on the CPU: some processors compute bf16 by emulation, and what is measured should not be that.
    dtype = (
        torch.bfloat16
        if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        else None
    )
    dtype = dtype or (torch.float16 if device == "cuda" else torch.float32)
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
    ).to(device)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    return model.eval()


def _positions(model: Any, tokens: list[int], start: int) -> list[Position]:
    import torch

    ids = torch.tensor([tokens], device=model.device)
    # Token number i is predicted by the logits before it.
    logits = model(ids).logits[0, start - 1 : -1].float()
    best = torch.log_softmax(logits, -1).topk(min(TOP, logits.shape[-1]), -1)
    return [
        Position(dict(zip(ids, values, strict=True)))
        for ids, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def _answer(
    model: Any,
    tokenizer: Any,
    messages: list[dict[str, str]],
    tell: Callable[[], None],
    most: int = NUM_PREDICT,
) -> str:
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    prompt = {name: value.to(model.device) for name, value in prompt.items()}
    found = model.generate(
        **prompt, max_new_tokens=most, do_sample=False, temperature=None, top_p=None, top_k=None
    )
    tell()
    return tokenizer.decode(found[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
