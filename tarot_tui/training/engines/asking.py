"""After the training: a few questions to the trained model and to its base, and the perplexity of both.

It takes a minute or two at most, ends when the run is asked to stop, and whatever goes wrong here is written down and
harms nothing: the result is saved already.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList, Trainer

from tarot_tui.jobs import worker
from tarot_tui.jobs.files import write_json
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.answers import FILE
from tarot_tui.training.encode import IGNORED, Sample
from tarot_tui.training.engines.model import load_base, plain
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.samples import Samples

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: For all answers of one of the two models, and for its perplexity.
_ANSWER_SECONDS = 40.0
_MEASURE_SECONDS = 20.0
#: Samples held out that are measured on, and tokens of an answer.
_MEASURED = 64
_TOKENS = (32, 512)


def compare(
    trainer: Trainer,
    tokenizer: PreTrainedTokenizerBase,
    samples: Samples,
    recipe: Recipe,
    base: Path,
    folder: Path,
) -> None:
    """Write ``answers.json`` into ``folder`` (see :mod:`tarot_tui.training.answers`); to be called by rank 0 alone."""
    if not recipe.sample_answers:
        return
    worker.progress(trainer.state.global_step, trainer.state.max_steps, what=_("comparing answers"))
    begun = time.monotonic()
    found: dict[str, Any] = {"held_out": bool(samples.evaluation), "perplexity": None, "answers": []}
    left_out = ""
    try:
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise _LeftOut(_("A model that is spread over several GPUs is not asked."))
        with torch.no_grad(), trainer.accelerator.autocast():
            _fill(found, trainer, tokenizer, samples, recipe, base)
    except _LeftOut as reason:
        left_out = str(reason)
    except Exception as error:  # out of memory, mostly; the training itself has succeeded
        left_out = one_line(f"{type(error).__name__}: {error}", 300)
    found |= {"seconds": round(time.monotonic() - begun, 1), "left_out": left_out}
    write_json(folder / FILE, found)
    if measured := found["perplexity"]:
        text = _("Perplexity on {count} samples held out: {base:.2f} before, {tuned:.2f} now.")
        print(
            text.format(count=measured["samples"], **{k: measured[k] for k in ("base", "tuned")}), flush=True
        )


class _LeftOut(Exception):
    """Why the rest is left out, for people."""


def _fill(
    found: dict[str, Any],
    trainer: Trainer,
    tokenizer: PreTrainedTokenizerBase,
    samples: Samples,
    recipe: Recipe,
    base: Path,
) -> None:
    model = trainer.model
    _make_ready(model, recipe)
    until = time.monotonic() + _ANSWER_SECONDS
    for messages, sample in samples.asked:
        answer = _answer(model, tokenizer, sample, until)
        expected = tokenizer.decode(_expected(sample), skip_special_tokens=True)
        found["answers"].append({"messages": messages, "expected": expected, "base": None, "tuned": answer})
    measured = samples.evaluation[:_MEASURED]
    tuned = _perplexity(trainer, model, measured) if measured else None
    with _base_of(trainer, recipe, base) as untuned:
        until = time.monotonic() + _ANSWER_SECONDS
        for entry, (_messages, sample) in zip(found["answers"], samples.asked, strict=True):
            entry["base"] = _answer(untuned, tokenizer, sample, until)
        if measured:
            found["perplexity"] = {
                "base": _perplexity(trainer, untuned, measured),
                "tuned": tuned,
                "samples": len(measured),
                "tokens": sum(sample.supervised for sample in measured),
            }


def _make_ready(model: torch.nn.Module, recipe: Recipe) -> None:
    """For answering instead of learning; the training is over."""
    model.eval()
    if recipe.gradient_checkpointing:
        plain(model).gradient_checkpointing_disable()
    plain(model).config.use_cache = True


@contextmanager
def _base_of(trainer: Trainer, recipe: Recipe, folder: Path) -> Iterator[torch.nn.Module]:
    """The model as it was: without its adapter, or, where every weight was trained, loaded once more."""
    if recipe.finetuning_type != "full":
        with trainer.model.disable_adapter():
            yield trainer.model
        return
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
    again = load_base(folder, recipe, next(trainer.model.parameters()).dtype).to(trainer.model.device)
    _make_ready(again, recipe)
    yield again


def _answer(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, sample: Sample, until: float
) -> dict[str, Any]:
    """What the model says to the first question of ``sample``, always the likeliest token. Raises _LeftOut when there is no time."""
    least, most = _TOKENS
    prompt = torch.tensor([sample.input_ids[: sample.prompt]], device=model.device)
    ends = {tokenizer.eos_token_id, *([sample.input_ids[-1]] if sample.ends and not sample.cut else [])}
    own = plain(model).generation_config.eos_token_id
    ends |= set(own if isinstance(own, list) else [own])
    said = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=min(max(2 * len(_expected(sample)), least), most),
        do_sample=False,
        eos_token_id=sorted(ends - {None}),
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
        stopping_criteria=StoppingCriteriaList([_Until(until)]),
    )[0, prompt.shape[1] :].tolist()
    _refuse_without_time(until)
    return {
        "text": tokenizer.decode(said, skip_special_tokens=True),
        "ended": bool(said) and said[-1] in ends,
    }


def _expected(sample: Sample) -> list[int]:
    """The tokens of its first answer."""
    labels = sample.labels[sample.prompt :]
    return labels[: labels.index(IGNORED)] if IGNORED in labels else labels


def _perplexity(trainer: Trainer, model: torch.nn.Module, samples: Sequence[Sample]) -> float:
    """Over all learned tokens of ``samples``. Raises _LeftOut when there is no time."""
    until = time.monotonic() + _MEASURE_SECONDS
    size = trainer.args.per_device_eval_batch_size
    total = 0.0
    for at in range(0, len(samples), size):
        some = samples[at : at + size]
        batch = trainer._prepare_inputs(trainer.data_collator(some))
        total += model(**batch).loss.item() * sum(sample.supervised for sample in some)
        _refuse_without_time(until)
    return math.exp(min(total / sum(sample.supervised for sample in samples), 700.0))


def _refuse_without_time(until: float) -> None:
    if time.monotonic() > until or worker.stop_requested():
        raise _LeftOut(_("There was no time for everything."))


class _Until(StoppingCriteria):
    def __init__(self, until: float) -> None:
        self._until = until

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_unused: Any) -> torch.Tensor:
        over = time.monotonic() > self._until or worker.stop_requested()
        return torch.full((input_ids.shape[0],), over, device=input_ids.device, dtype=torch.bool)
