"""Conversations as tokens, with a label on exactly what the assistant says.

The model's own chat template renders a conversation; what it renders is tokenised once, whole. A token is labelled
when it belongs to the content of an assistant turn or to the end-of-turn token behind it, so that the model learns
what to say and when to stop, and nothing else. Free of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Conversation = list[dict[str, str]]

#: The label of a token that is read and not learned (torch's and transformers' ``ignore_index``).
IGNORED = -100
_BATCH = 256


@dataclass(frozen=True)
class Sample:
    """One conversation, ready to train on.

    input_ids, labels: equally long, at most ``cutoff_len``; a label is the token at its own place, or IGNORED.
    length: tokens before the cut. prompt: tokens before the first learned one. cut: labelled tokens that were lost.
    ends: whether the template puts a special token behind the last answer, from which the model learns to stop.
    """

    input_ids: list[int]
    labels: list[int]
    length: int
    prompt: int
    cut: int
    ends: bool

    @property
    def supervised(self) -> int:
        """Number of tokens that are learned. The first token of a text is never predicted, so it never counts."""
        return sum(label != IGNORED for label in self.labels[1:])


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a base model. Raises BadInput when it has no chat template or gives no offsets."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise BadInput(
            _("The tokenizer in {folder} cannot be read: {reason}").format(
                folder=folder, reason=one_line(str(error))
            )
        ) from None
    if not tokenizer.is_fast:
        raise BadInput(
            _("The tokenizer in {folder} has no tokenizer.json: choose a model that has one.").format(
                folder=folder
            )
        )
    if not tokenizer.chat_template:
        raise BadInput(
            _(
                "The model in {folder} has no chat template: choose its instruct or chat version, base models cannot converse."
            ).format(folder=folder)
        )
    return tokenizer


def encode(
    tokenizer: PreTrainedTokenizerBase, conversations: Iterable[Conversation], cutoff_len: int
) -> list[Sample]:
    """Every conversation as a :class:`Sample`, in order.

    Raises Refused when the chat template cannot render a conversation, or renders what was said earlier differently
    once more is said, so that what the assistant says cannot be told from the rest.
    """
    return [cut_at(sample, cutoff_len) for sample in encode_whole(tokenizer, conversations)]


def encode_whole(
    tokenizer: PreTrainedTokenizerBase, conversations: Iterable[Conversation]
) -> Iterator[Sample]:
    """:func:`encode` without a cut. The tokenizer works on many conversations at once, with all its threads."""
    special = special_ids(tokenizer)
    for some in _batches(conversations):
        texts, spans = zip(*(answers(tokenizer, messages) for messages in some), strict=True)
        found = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for ids, offsets, turns in zip(found["input_ids"], found["offset_mapping"], spans, strict=True):
            yield _sample(ids, labels_of(ids, offsets, turns, special), special)


def cut_at(sample: Sample, cutoff_len: int) -> Sample:
    """A whole sample (nothing of it cut yet) cut at ``cutoff_len`` tokens."""
    if sample.length <= cutoff_len:
        return sample
    return replace(
        sample,
        input_ids=sample.input_ids[:cutoff_len],
        labels=sample.labels[:cutoff_len],
        cut=sum(label != IGNORED for label in sample.labels[cutoff_len:]),
    )


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that are marks and not words: begin and end of a turn, padding and the like."""
    return {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}


def answers(tokenizer: PreTrainedTokenizerBase, messages: Conversation) -> tuple[str, list[tuple[int, int]]]:
    """The rendered conversation, and from where to where (characters) each assistant turn is in it.

    A turn begins where the template's generation prompt ends, which is where the model will begin to speak, and
    ends with whatever the template puts behind it.
    """
    whole = _render(tokenizer, messages)
    spans = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _render(tokenizer, messages[:index], add_generation_prompt=True)
        upto = whole if index == len(messages) - 1 else _render(tokenizer, messages[: index + 1])
        if not (whole.startswith(upto) and upto.startswith(before)):
            raise Refused(
                _(
                    "The chat template of {model} renders earlier turns differently once the conversation goes on ({roles}): use conversations of one question and one answer, or another model."
                ).format(model=_name(tokenizer), roles=" ".join(message["role"] for message in messages))
            )
        spans.append((len(before), len(upto)))
    return whole, spans


def _sample(ids: list[int], labels: list[int], special: set[int]) -> Sample:
    # What follows the last learned token (a newline, mostly) could teach nothing.
    last = max((index for index, label in enumerate(labels) if label != IGNORED), default=-1)
    ids, labels = ids[: last + 1], labels[: last + 1]
    return Sample(
        input_ids=ids,
        labels=labels,
        length=len(ids),
        prompt=next((index for index, label in enumerate(labels) if label != IGNORED), len(ids)),
        cut=0,
        ends=bool(ids) and ids[-1] in special,
    )


def labels_of(
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    spans: Sequence[tuple[int, int]],
    special: set[int],
) -> list[int]:
    """``ids`` where they lie in one of ``spans``, up to the end-of-turn token; IGNORED elsewhere.

    A token that lies across the beginning of an answer (a newline before it and one that begins it) counts as prompt.
    """
    labels = [IGNORED] * len(ids)
    position = 0
    for begin, end in spans:
        while position < len(ids) and offsets[position][0] < begin:
            position += 1
        first = position
        while position < len(ids) and offsets[position][1] <= end:
            position += 1
        turn = range(first, position)
        # Behind the end-of-turn token comes only what leads over to the next turn.
        stop = max((index for index in turn if ids[index] in special), default=position - 1)
        for index in range(first, stop + 1):
            labels[index] = ids[index]
    return labels


def _batches(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    rest = iter(conversations)
    while some := list(islice(rest, _BATCH)):
        yield some


def _render(tokenizer: PreTrainedTokenizerBase, messages: Conversation, **options: Any) -> str:
    if not messages:
        return ""
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except Exception as error:  # templates raise whatever they like, to refuse a role or an order
        raise Refused(
            _("The chat template of {model} refuses a conversation ({roles}): {reason}").format(
                model=_name(tokenizer),
                roles=" ".join(message["role"] for message in messages),
                reason=one_line(str(error)),
            )
        ) from None


def _name(tokenizer: PreTrainedTokenizerBase) -> str:
    return Path(tokenizer.name_or_path).name
