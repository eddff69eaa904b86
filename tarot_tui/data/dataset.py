"""Datasets as they are registered, read one sample at a time: as Alpaca, or as conversations.

What LLaMA-Factory would drop with a warning (an answer that is no text, turns out of order) is BadInput here, with
the sample's number: nobody should train on less than they think.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from tarot_tui.data import overlay, registry
from tarot_tui.data.registry import Entry
from tarot_tui.data.samples import SUFFIXES
from tarot_tui.data.samples import read as read_samples
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": …}
Conversation = list[Message]

_UNREAD_COLUMNS = ("tools", "images", "videos", "audios")


def names(project: Project) -> list[str]:
    """The registered datasets, in the registry's order. Raises BadInput for a broken registry."""
    return list(registry.read(project))


def samples(project: Project, name: str) -> Iterator[dict[str, Any]]:
    """The samples of ``name`` as Alpaca: ``instruction``, ``input``, ``output``; ``system`` and ``history`` if any.

    ``history`` is a list of [instruction, answer] pairs of earlier turns. Whatever the entry's format and column
    names, these are the keys. Raises BadInput for an unknown dataset, one that is not in the project, and a broken
    sample.
    """
    entry = usable(project, name)
    for number, raw in numbered(project, entry):
        yield as_alpaca(entry, number, raw)


def load(project: Project, name: str) -> list[dict[str, Any]]:
    """All of :func:`samples`."""
    return list(samples(project, name))


def head(project: Project, name: str, count: int) -> list[dict[str, Any]]:
    """The first ``count`` of :func:`samples`; no more of the file is read."""
    return list(islice(samples(project, name), count))


def conversations(project: Project, name: str) -> list[Conversation]:
    """The dataset as messages: system first if any, then user and assistant in turn, assistant last.

    Raises BadInput as :func:`samples` does.
    """
    entry = usable(project, name)
    return [as_messages(entry, number, raw) for number, raw in numbered(project, entry)]


def numbered(project: Project, entry: Entry) -> Iterator[tuple[int, dict[str, Any]]]:
    """The samples as they stand in the file, with their numbers there, edited and without those that were dropped."""
    assert entry.file is not None  # usable() saw to it
    return overlay.apply(project, entry.name, entry.file, read_samples(entry.file))


def as_alpaca(entry: Entry, number: int, raw: dict[str, Any]) -> dict[str, Any]:
    """Sample ``number`` of a file as one of :func:`samples`. Raises BadInput, with the number, for a broken one."""
    with _at(entry, number):
        return _alpaca(entry, raw) if entry.formatting == "alpaca" else to_alpaca(_turns(entry, raw))


def as_messages(entry: Entry, number: int, raw: dict[str, Any]) -> Conversation:
    """Sample ``number`` of a file as one of :func:`conversations`. Raises BadInput, with the number, for a broken one."""
    with _at(entry, number):
        return to_messages(_alpaca(entry, raw)) if entry.formatting == "alpaca" else _turns(entry, raw)


def to_messages(sample: dict[str, Any]) -> Conversation:
    """An Alpaca sample as messages; the user says the instruction and, on the next line, the input."""
    messages = []
    if system := sample.get("system"):
        messages.append(_message("system", system))
    for question, answer in sample.get("history") or []:
        messages += [_message("user", question), _message("assistant", answer)]
    question = "\n".join(part for part in (sample.get("instruction"), sample.get("input")) if part)
    return [*messages, _message("user", question), _message("assistant", sample["output"])]


def to_alpaca(conversation: Conversation) -> dict[str, Any]:
    """Messages as an Alpaca sample: the last turn is instruction and output, those before it the history."""
    system = conversation[0]["content"] if conversation[0]["role"] == "system" else ""
    turns = [message["content"] for message in conversation if message["role"] != "system"]
    pairs = [list(pair) for pair in zip(turns[::2], turns[1::2], strict=True)]
    sample: dict[str, Any] = {"instruction": pairs[-1][0], "input": "", "output": pairs[-1][1]}
    if system:
        sample["system"] = system
    if len(pairs) > 1:
        sample["history"] = pairs[:-1]
    return sample


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


class _Fault(Exception):
    """What is wrong with one sample, without saying where."""


@contextmanager
def _at(entry: Entry, number: int) -> Iterator[None]:
    try:
        yield
    except _Fault as fault:
        raise BadInput(
            _("{file}, sample {number}: {problem}.").format(file=entry.file, number=number, problem=fault)
        ) from None


def usable(project: Project, name: str) -> Entry:
    """The entry of ``name`` if we can read its data as LLaMA-Factory would. Raises BadInput that says why not."""
    entry = registry.entry(project, name)
    where = f"{registry.path_of(project)}, '{one_line(name, 60)}'"
    if entry.file is None:
        raise BadInput(
            _(
                "{where}: the data is not in this project but at {key}; download it and register the file."
            ).format(where=where, key=entry.remote)
        )
    if entry.ignored:
        raise BadInput(
            _("{where}: '{key}' is not supported; remove it, or train with LLaMA-Factory.").format(
                where=where, key=entry.ignored[0]
            )
        )
    if entry.file.suffix.lower() not in SUFFIXES or not entry.file.is_file():
        raise BadInput(
            _("{where}: {file} is not there, or is not a .json or .jsonl file.").format(
                where=where, file=entry.file
            )
        )
    needed = ("response",) if entry.formatting == "alpaca" else ("messages",)
    for column in needed:
        if column not in entry.columns:
            raise BadInput(
                _("{where}: 'columns' must list '{column}'; what it does not list is not read.").format(
                    where=where, column=column
                )
            )
    return entry


def _alpaca(entry: Entry, raw: dict[str, Any]) -> dict[str, Any]:
    _refuse_unread(entry, raw)
    output = raw.get(entry.columns["response"])
    if not isinstance(output, str):
        raise _Fault(_("'{key}', the answer, must be text").format(key=entry.columns["response"]))
    sample: dict[str, Any] = {
        "instruction": _text(entry, raw, "prompt"),
        "input": _text(entry, raw, "query"),
        "output": output,
    }
    if system := _text(entry, raw, "system"):
        sample["system"] = system
    if history := _history(entry, raw):
        sample["history"] = history
    return sample


def _text(entry: Entry, raw: dict[str, Any], column: str) -> str:
    """A column that may be absent or null."""
    key = entry.columns.get(column)
    value = raw.get(key) if key else None
    if not (value is None or isinstance(value, str)):
        raise _Fault(_("'{key}' must be text").format(key=one_line(str(key), 40)))
    return value or ""


def _history(entry: Entry, raw: dict[str, Any]) -> list[list[str]]:
    key = entry.columns.get("history")
    history = raw.get(key) if key else None
    for pair in history or []:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise _Fault(_("'{key}' must be a list of [question, answer] pairs").format(key=key))
    return history or []


def _turns(entry: Entry, raw: dict[str, Any]) -> Conversation:
    _refuse_unread(entry, raw)
    found = raw.get(entry.columns["messages"])
    if not isinstance(found, list):
        raise _Fault(_("'{key}' must be a list of messages").format(key=entry.columns["messages"]))
    messages = [_said(entry, message) for message in found]
    if not messages or messages[0]["role"] != "system":
        system = _text(entry, raw, "system")
        messages = ([_message("system", system)] if system else []) + messages
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    expected = ["user", "assistant"] * (len(turns) // 2)
    if not turns or [message["role"] for message in turns] != expected:
        raise _Fault(_("user and assistant must take turns, the user first and the assistant last"))
    return messages


def _said(entry: Entry, message: Any) -> Message:
    roles = {entry.tags.get(f"{role}_tag"): role for role in ("user", "assistant", "system")}
    role = message.get(entry.tags.get("role_tag")) if isinstance(message, dict) else None
    content = message.get(entry.tags.get("content_tag")) if isinstance(message, dict) else None
    if not isinstance(role, str) or not isinstance(content, str):
        raise _Fault(
            _("each message needs text under '{role}' and '{content}'").format(
                role=entry.tags.get("role_tag"), content=entry.tags.get("content_tag")
            )
        )
    if role not in roles:
        raise _Fault(_("unknown role '{role}'").format(role=one_line(role, 40)))
    return _message(roles[role], content)


def _refuse_unread(entry: Entry, raw: dict[str, Any]) -> None:
    for column in _UNREAD_COLUMNS:
        if (key := entry.columns.get(column)) and raw.get(key):
            raise _Fault(
                _("'{key}' ({column}) is not supported").format(key=one_line(key, 40), column=column)
            )
