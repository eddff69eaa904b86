"""The forms that samples come in: Alpaca, ShareGPT, OpenAI messages. Recognised by what is in a file, and read.

A file becomes an :class:`Entry`, as if somebody had registered it, so that :mod:`tarot_tui.data.dataset` reads it by
LLaMA-Factory's rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tarot_tui.data import dataset, registry
from tarot_tui.data import samples as files
from tarot_tui.data.registry import Entry
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

Raw = dict[str, Any]

_LOOKED_AT = 200
_SHOWN = 5
#: What the two who talk are called in files found in the wild, likeliest first.
_USERS = ("human", "user")
_ASSISTANTS = ("gpt", "assistant", "chatgpt", "bing", "bard", "model")
_TOOLS = ("tools", "images", "videos", "audios")


def entry_of(path: Path) -> Entry:
    """The file as an entry of a registry. Raises BadInput when there are no samples in it, and for a broken file."""
    first = list(islice(raws(path), _LOOKED_AT))
    keys = {key for raw in first for key in raw}
    unread = {column: column for column in _TOOLS if column in keys}
    for key in ("messages", "conversations"):
        if any(isinstance(raw.get(key), list) for raw in first):
            system = {"system": "system"} if "system" in keys else {}
            return Entry(
                path.name, "sharegpt", {"messages": key} | system | unread, _tags(first, key), None, path, ()
            )
    if {"instruction", "output"} <= keys:
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        columns |= {"system": "system", "history": "history"}
        return Entry(path.name, "alpaca", columns | unread, {}, None, path, ())
    raise BadInput(
        _(
            "{file} holds no samples: an object needs 'instruction' and 'output', or 'messages', or 'conversations'."
        ).format(file=one_line(str(path)))
    )


def _tags(first: list[Raw], key: str) -> dict[str, str]:
    said = [one for raw in first for one in raw.get(key) or [] if isinstance(one, dict)]
    is_openai = any("role" in one for one in said)
    role, content = ("role", "content") if is_openai else ("from", "value")
    roles = {one.get(role) for one in said if isinstance(one.get(role), str)}
    usual = registry.OPENAI_TAGS if is_openai else registry.SHAREGPT_TAGS
    return {
        "role_tag": role,
        "content_tag": content,
        "user_tag": next((name for name in _USERS if name in roles), usual["user_tag"]),
        "assistant_tag": next((name for name in _ASSISTANTS if name in roles), usual["assistant_tag"]),
        "system_tag": "system",
    }


def raws(path: Path) -> Iterator[Raw]:
    """The samples of a .json, .jsonl or .parquet file as they stand there."""
    if path.suffix.lower() != ".parquet":
        yield from files.read(path)
        return
    from tarot_tui.data.sources import tables

    for table in tables(path):
        for values in table.values:
            yield {column: _loaded(text) for column, text in zip(table.columns, values, strict=True)}


def _loaded(text: str) -> Any:
    """A cell of parquet, in which lists are JSON."""
    if text[:1] == "[":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


@dataclass
class Checked:
    """Samples read one by one; those that are none are passed over and remembered. read: how many there were."""

    entry: Entry
    numbered: Iterator[tuple[int, Raw]]
    read: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)

    def each(self, form: Callable[[Entry, int, Raw], Any]) -> Iterator[tuple[Raw, Any]]:
        """Every good sample as it stands, and as ``form`` makes it (:func:`dataset.as_alpaca`, ``as_messages``)."""
        for number, raw in self.numbered:
            self.read += 1
            try:
                made = form(self.entry, number, raw)
            except BadInput as error:
                self.left_out += 1
                if len(self.problems) < _SHOWN:
                    self.problems.append(str(error))
                continue
            yield raw, made

    def findings(self) -> list[Finding]:
        """What was passed over, and why."""
        if not self.left_out:
            return []
        text = _("{file}: left out {count} of {read} samples that LLaMA-Factory would drop too. {problems}")
        return [
            Finding(
                "data.bad_samples",
                "error",
                text.format(
                    file=one_line(str(self.entry.file and self.entry.file.name)),
                    count=self.left_out,
                    read=self.read,
                    problems=one_line(" ".join(self.problems), 600),
                ),
            )
        ]


def of_file(path: Path) -> Checked:
    """The samples of a file. Raises BadInput as :func:`entry_of` does."""
    return Checked(entry_of(path), enumerate(raws(path), 1))


def keys_of(path: Path) -> tuple[bool, bool]:
    """Whether an Alpaca file of the samples in ``path`` needs the keys ``system`` and ``history``.

    Quick, and on the safe side: a key that stands anywhere in the file counts.
    """
    entry = entry_of(path)
    is_chat = entry.formatting != "alpaca"
    if path.suffix.lower() == ".parquet":
        first = next(raws(path), {})
        return is_chat or "system" in first, is_chat or "history" in first
    words = {b'"system"': False, b'"history"': is_chat}
    overlap = max(map(len, words))
    with open(path, "rb") as file:
        rest = b""
        while (block := file.read(1 << 20)) and not all(words.values()):
            block = rest + block
            words = {word: found or word in block for word, found in words.items()}
            rest = block[-overlap:]
    return words[b'"system"'], words[b'"history"']


def to_sharegpt(messages: dataset.Conversation) -> list[dict[str, str]]:
    """Messages with ShareGPT's names."""
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [{"from": names[one["role"]], "value": one["content"]} for one in messages]
