"""The proof that two templates say the same: conversations that either must render alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from tarot_tui.export.chat_template import Messages

_TEXTS = (
    "hi",
    "What does The Fool mean?",
    "塔羅牌　「愚者」正位\n第二行，數字 123 4567",
    "  leading and trailing  ",
    "\n\ttabs and newlines\n\n",
    "{{ .System }} {% raw %} {# no #} }} {{{ <b>&\"'\\n`",
    "🔮👩‍💻 naïve Ångström",
    "[INST] <|im_end|> </s> <|eot_id|> <end_of_turn> <bos> ### User:",
)
_SYSTEMS = (
    "You are a tarot reader.",
    "你是塔羅牌師。\n\n1. 解讀\n2. 建議",
    "  padded {{ .Messages }} ",
)
_TURNS = (1, 2, 3, 4)


def suite(*, system: bool, lookalikes: Sequence[str] = ()) -> Iterator[Messages]:
    """Conversations of 1 to 4 turns that end with a user's message; with ``system`` also under system prompts.

    lookalikes: the model's own control tokens, for texts that contain them as if a user had typed them.
    """
    texts = (*_TEXTS, " ".join(["a", *lookalikes, "b"]))
    systems = (None, *_SYSTEMS) if system else (None,)
    for (first, turns), prompt in product(product(range(len(texts)), _TURNS), systems):
        messages = [{"role": "system", "content": prompt}] if prompt else []
        for turn in range(2 * turns - 1):
            role = "assistant" if turn % 2 else "user"
            messages.append({"role": role, "content": texts[(first + turn) % len(texts)]})
        yield messages


def first_difference(
    conversations: Iterator[Messages], one: Callable[[Messages], str], other: Callable[[Messages], str]
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
