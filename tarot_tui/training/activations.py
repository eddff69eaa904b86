"""What a batch takes while it passes through a model: what is kept for the backward pass, and scores over the vocabulary.

Both depend on what computes the model. Where the recipe allows it (see :func:`ways_of`), that is our own code
(:mod:`.engines.fused`): samples lie behind each other in one row without padding, a LoRA layer, a norm and an MLP's gate
are one autograd node each, and scores exist only for some learned positions at a time. Else it is transformers and peft.

Sizes are in bytes; ``width`` is that of a number in the precision that is computed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tarot_tui.training.packing import Item, samples_of
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import Shape

#: Bytes of scores in fp32 that our loss has at a time, about.
SCORE_BYTES = {"cpu": 24 << 20, "cuda": 128 << 20}
#: Share of the activations that glibc's malloc still holds at the peak when checkpointing has freed them; measured.
_NOT_GIVEN_BACK = 0.4


@dataclass(frozen=True)
class Ways:
    """Whether samples lie in one row without padding, the loss needs no logits, and LoRA layers, norms and gates are
    one node each."""

    rows: bool
    loss: bool
    lora: bool
    norms: bool


def ways_of(recipe: Recipe) -> Ways:
    """How the native engine will compute ``recipe``, on a model of a kind that it knows (Llama, Qwen, Mistral, Gemma …)."""
    lora = recipe.finetuning_type == "lora"
    return Ways(
        rows=recipe.flash_attn in ("auto", "fa2"),
        loss=lora and not {"lm_head", "embed_tokens"} & set(recipe.additional_target),
        lora=lora and not recipe.lora_dropout and not recipe.use_dora,
        norms=lora,
    )


@dataclass(frozen=True)
class Batch:
    """The largest batch: ``rows`` of ``length`` tokens (padded ones too), of which scores are needed for ``labelled`` in all."""

    rows: int
    length: int
    labelled: int

    @property
    def tokens(self) -> int:
        """Of all rows."""
        return self.rows * self.length


def largest_batch(recipe: Recipe, drawn: Sequence[Item], ways: Ways) -> Batch:
    """What the longest of the items that are drawn from make together."""
    samples = [samples_of(item) for item in drawn]
    lengths = [sum(len(one.input_ids) for one in some) for some in samples]
    ranked = sorted(range(len(samples)), key=lambda index: -lengths[index])
    chosen = [samples[index] for index in ranked[: recipe.per_device_train_batch_size]]
    flat = [one for some in chosen for one in some]
    if not flat:
        return Batch(0, 0, 0)
    if ways.rows:
        return Batch(1, sum(len(one.input_ids) for one in flat), sum(one.supervised for one in flat))
    longest = max(len(one.input_ids) for one in flat)
    # Scores are asked for at every position where any row has a label.
    shortest_prompt = min(one.prompt for some in samples for one in some)
    return Batch(len(flat), longest, len(flat) * max(longest - shortest_prompt, 0))


def scores(shape: Shape, batch: Batch, ways: Ways, width: int, kind: str) -> int:
    """Of the vocabulary, at the peak: those in the model's precision and their gradient, and two of fp32 at a time (copy,
    log-softmax, gradient); our own loss has them for some positions at a time."""
    if not ways.loss:
        return batch.labelled * shape.vocabulary * (2 * width + 2 * 4)
    at_a_time = min(batch.labelled, positions_at_a_time(shape.vocabulary, kind))
    # Scores in both precisions, and the gradient of each position's hidden state.
    return at_a_time * shape.vocabulary * (4 + 2 * width) + 2 * batch.labelled * shape.hidden * width


def positions_at_a_time(vocabulary: int, kind: str) -> int:
    """For how many learned positions our own loss makes scores at a time; ``kind`` of device as torch names it."""
    return max(SCORE_BYTES.get(kind, SCORE_BYTES["cuda"]) // (4 * vocabulary), 16)


def kept(shape: Shape, recipe: Recipe, batch: Batch, ways: Ways, width: int, kind: str) -> int:
    """For the backward pass: of every layer, or with gradient checkpointing each layer's input and one layer whole."""
    layer = batch.tokens * _per_token(shape, recipe, ways, width)
    if recipe.flash_attn == "disabled":
        # The scores' softmax in fp32, and what the values are weighted with.
        layer += batch.rows * shape.heads * batch.length**2 * (4 + width)
    whole = layer * shape.layers
    if not recipe.gradient_checkpointing:
        return whole
    inputs = width * shape.hidden * batch.tokens * shape.layers
    if kind == "cpu":
        return max(inputs + layer, round(_NOT_GIVEN_BACK * whole))
    return inputs + layer


def _per_token(shape: Shape, recipe: Recipe, ways: Ways, width: int) -> int:
    """One token in one layer, attention's matrix apart."""
    h, q, k, f = shape.hidden, shape.queries, shape.keys, shape.inner
    # Of both norms the inputs, which are the residual sums, and what comes out; else also the inputs in fp32, normalised.
    norms = 4 * width * h if ways.norms else 2 * (4 * h + 4 * h + width * h)
    # LoRA as peft has it sees the input of a projection in fp32 too; with dropout as it was, as it is, and what was dropped.
    wide = inner = 0
    if recipe.finetuning_type == "lora":
        inner = width * 7 * recipe.lora_rank
        wide = 0 if ways.lora else 4 if not recipe.lora_dropout else 12
    # Rotary embedding; keys and values as wide as queries; what attention gives.
    attention = 3 * wide * h + wide * q + inner
    attention += (
        width * (2 * (q + 2 * k) + 2 * q) if ways.rows else width * (2 * (q + k) + (q + 2 * k) + 4 * q)
    )
    mlp = 2 * wide * h + wide * f + width * (3 if ways.lora else 4) * f
    # DoRA scales what the layer and what LoRA gives, and keeps both.
    scaled = (4 + width) * (q + 2 * k + 2 * h + 2 * f) if recipe.use_dora else 0
    return norms + attention + mlp + scaled
