"""Conversations whose turns are out of order, put in order where that takes no guessing."""

from __future__ import annotations

from typing import Any

from tarot_tui.data import dataset
from tarot_tui.data.registry import Entry
from tarot_tui.errors import BadInput

Raw = dict[str, Any]


def mended(entry: Entry, raw: Raw) -> Raw | None:
    """``raw`` with its turns in order, or None when it has none or that does not make it a sample.

    Messages without text go, what one side says in a row becomes one message, an answer without a question and a
    question without an answer go.
    """
    key = entry.columns.get("messages", "")
    said, role = entry.tags.get("content_tag", ""), entry.tags.get("role_tag", "")
    if entry.formatting == "alpaca" or not isinstance(raw.get(key), list):
        return None
    messages: list[Raw] = []
    for message in raw[key]:
        if not (isinstance(message, dict) and isinstance(message.get(said), str)):
            return None
        if not message[said].strip():
            continue
        if messages and messages[-1].get(role) == message.get(role):
            messages[-1] = messages[-1] | {said: f"{messages[-1][said]}\n{message[said]}"}
        else:
            messages.append(message)
    system = [message for message in messages[:1] if message.get(role) == entry.tags.get("system_tag")]
    turns = messages[len(system) :]
    if turns and turns[0].get(role) == entry.tags.get("assistant_tag"):
        turns = turns[1:]
    if turns and turns[-1].get(role) == entry.tags.get("user_tag"):
        turns = turns[:-1]
    found = raw | {key: system + turns}
    try:
        dataset.as_messages(entry, 0, found)
    except BadInput:
        return None
    return found
