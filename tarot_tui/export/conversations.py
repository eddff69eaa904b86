"""The proof that two templates say the same: conversations that either must render alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

from tarot_tui.export.chat_template import Messages

#: What ends a model's thoughts, in the template of every model that writes them into its answer.
THOUGHT_END = "</think>"

_TEXTS = (
    "hi",
    "What does The Fool mean?",
    "塔羅牌　「愚者」正位\n第二行，數字 123 4567",
    "  leading and trailing  ",
    "\n\ttabs and newlines\n\n",
    "{{ .System }} {% raw %} {# no #} }} {{{ <b>&\"'\\n`",
    "🔮👩‍💻 naïve Ångström",
    "[INST] <|im_end|> </s> <|eot_id|> <end_of_turn> <bos> ### User:",
    " \n ",
    "<think>\nLet me see.\n</think>\n\n It is </think>\nso. ",
    "\n\n A thought</think>First, </think><think> then another. ",
    "",
    "many words " * 100,
)
_SYSTEMS = (
    "You are a tarot reader.",
    "你是塔羅牌師。\n\n1. 解讀\n2. 建議",
    "  padded {{ .Messages }} ",
    "\n<think>\nhm\n</think>\n\n[INST] </s> <|im_end|>\n",
)
_TURNS = (1, 2, 3, 4)
_LONG = 10


def suite(*, system: bool, lookalikes: Sequence[str] = ()) -> Iterator[Messages]:
    """Conversations of 1 to 4 turns that end with a user's message; with ``system`` also under system prompts.

    lookalikes: the model's own control tokens, for texts that contain them as if a user had typed them.
    """
    lookalike = " ".join(["a", *lookalikes, "b"])
    texts = (*_TEXTS, lookalike)
    systems = (None, *_SYSTEMS, lookalike) if system else (None,)
    for (first, turns), prompt in product(product(range(len(texts)), _TURNS), systems):
        yield chat([texts[(first + turn) % len(texts)] for turn in range(2 * turns - 1)], prompt)
    for prompt in systems:
        yield chat(["again"] * 5, prompt)  # messages that only their place tells apart
        yield chat([str(place) for place in range(2 * _LONG - 1)], prompt)


def chat(contents: Sequence[str], system: str | None = None) -> Messages:
    """Messages of user and assistant in turn, under a system prompt where one is given."""
    before = [{"role": "system", "content": system}] if system else []
    return before + [
        {"role": "assistant" if index % 2 else "user", "content": text} for index, text in enumerate(contents)
    ]


def first_difference(
    conversations: Iterable[Messages], one: Callable[[Messages], str], other: Callable[[Messages], str]
) -> tuple[str, str] | None:
    """What ``one`` and ``other`` make of the first conversation they disagree on, or None when there is none."""
    for messages in conversations:
        left, right = one(messages), other(messages)
        if left != right:
            return left, right
    return None


def trimmed(messages: Messages, roles: Sequence[str]) -> Messages:
    """``messages`` with the content of ``roles`` stripped of surrounding white space, as Jinja's ``trim`` does."""
    return [
        message | {"content": message["content"].strip()} if message["role"] in roles else message
        for message in messages
    ]


def without_thoughts(messages: Messages, then: str | None) -> Messages:
    """``messages`` with the answers as they are without their thoughts and the characters ``then`` after those.

    None for ``then`` leaves everything as it is.
    """
    if then is None:
        return messages
    return [
        message | {"content": message["content"].rpartition(THOUGHT_END)[2].lstrip(then)}
        if message["role"] == "assistant" and THOUGHT_END in message["content"]
        else message
        for message in messages
    ]
