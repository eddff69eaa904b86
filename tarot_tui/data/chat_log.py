"""A chat log: rows that were said one after the other become conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from tarot_tui.data.patterns import fill
from tarot_tui.data.sources.table import Table
from tarot_tui.data.template import Chat
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

Sample = dict[str, Any]
_Role = Literal["user", "assistant"]


@dataclass
class _Aside:
    """What is in no sample."""

    speakers: dict[str, int] = field(default_factory=dict)
    turns: int = 0


def conversations(chat: Chat, table: Table, note: Callable[[Finding], None]) -> Iterator[Sample | None]:
    """An Alpaca sample (with ``history``) for each conversation of ``table``; None for one without an answer.

    What one says in several rows is one turn. A conversation begins with the first the user says and ends with the
    last the assistant says. ``note`` hears at the end what that left out, and which speakers are neither.
    """
    aside = _Aside()
    rows = (dict(zip(table.columns, values, strict=True)) for values in table.values)
    last = ""

    def conversation(cells: dict[str, str]) -> str:
        # An empty cell below a filled one: the sheet says it once, at the top.
        nonlocal last
        last = fill(chat.conversation, cells) or last
        return last

    for _name, said in groupby(rows, conversation):
        yield _sample(_turns(chat, said, aside), aside)
    for finding in _findings(table, aside):
        note(finding)


def _turns(chat: Chat, said: Iterator[dict[str, str]], aside: _Aside) -> list[tuple[_Role, str]]:
    roles: dict[str, _Role] = {name.casefold().strip(): "assistant" for name in chat.assistant}
    roles |= {name.casefold().strip(): "user" for name in chat.user}
    turns: list[tuple[_Role, str]] = []
    for cells in said:
        text, speaker = fill(chat.text, cells), fill(chat.speaker, cells)
        role = roles.get(speaker.casefold().strip())
        if not text:
            continue
        if role is None:
            aside.speakers[speaker] = aside.speakers.get(speaker, 0) + 1
        elif turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n{text}")
        else:
            turns.append((role, text))
    return turns


def _sample(turns: Sequence[tuple[_Role, str]], aside: _Aside) -> Sample | None:
    begin = 1 if turns and turns[0][0] == "assistant" else 0
    end = len(turns) - (1 if turns and turns[-1][0] == "user" else 0)
    texts = [text for _role, text in turns[begin:end]]
    aside.turns += len(turns) - len(texts)
    if not texts:
        return None
    pairs = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    (question, answer), history = pairs[-1], pairs[:-1]
    return {"instruction": question, "input": "", "output": answer, "history": history}


def _findings(table: Table, aside: _Aside) -> Iterator[Finding]:
    place = one_line(f"{table.source.name} {table.section}".strip())
    if aside.speakers:
        named = ", ".join(
            f"'{one_line(name, 40)}' ({count})" for name, count in list(aside.speakers.items())[:10]
        )
        text = _("{place}: left out what is said by {speakers}; name them under 'user' or 'assistant'.")
        yield Finding("data.unknown_speaker", "warning", text.format(place=place, speakers=named))
    if aside.turns:
        text = _("{place}: left out {count} turns before the first question or after the last answer.")
        yield Finding("data.loose_turns", "info", text.format(place=place, count=aside.turns))
