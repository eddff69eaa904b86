"""A reply as question and answer pairs, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tarot_tui.data.sources.table import clean
from tarot_tui.data.synthesis import repair
from tarot_tui.locale import _

_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
# Where chat windows put a list, and what people call the two halves: our own names, Alpaca's, and the obvious ones.
_LISTS = ("samples", "data", "rows", "items")
_QUESTIONS = ("question", "instruction", "prompt", "user")
_ANSWERS = ("answer", "output", "response", "assistant")
_ALSO_THERE = {"row", "input", "system", "messages", *_QUESTIONS, *_ANSWERS}


@dataclass(frozen=True)
class Pair:
    """One question with its answer. mark: the row it says it belongs to, '' where it says none."""

    question: str
    answer: str
    mark: str = ""


class Fault(Exception):
    """What is wrong with a reply, in one sentence without a full stop."""


@dataclass(frozen=True)
class Reply:
    """pairs: what was read. repaired, cut: as in :class:`repair.Found`."""

    pairs: list[Pair]
    repaired: bool
    cut: bool


def read(text: str, *, only_questions: bool = False) -> Reply:
    """The pairs in a reply. ``only_questions``: answers are not expected. Raises Fault."""
    try:
        found = repair.read(_THOUGHT.sub("", text, count=1))
    except repair.Unclear as unclear:
        raise Fault(
            _("line {line}, column {column}: {problem}").format(
                line=unclear.line, column=unclear.column, problem=_(repair.PROBLEMS[unclear.problem])
            )
        ) from None
    objects = [one for value in found.values for one in _objects(value)]
    pairs = [_pair(one, number, only_questions) for number, one in enumerate(objects, 1)]
    if not pairs:
        raise Fault(
            _("it was cut off before the first sample was whole")
            if found.cut
            else _("there is no sample in it")
        )
    return Reply(pairs, found.repaired, found.cut)


def _objects(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
        return
    lists = (
        [value[key] for key in _LISTS if isinstance(value.get(key), list)] if isinstance(value, dict) else []
    )
    # Beside the list there may be remarks, but nothing that could be a sample of its own.
    if len(lists) == 1 and not _ALSO_THERE & value.keys():
        yield from lists[0]
    else:
        yield value


def _pair(one: Any, number: int, only_questions: bool) -> Pair:
    if not isinstance(one, dict):
        raise Fault(_("sample {number} is no object in braces").format(number=number))
    if unknown := [key for key in one if key not in _ALSO_THERE]:
        raise Fault(
            _("sample {number} has the unknown key '{key}'").format(number=number, key=unknown[0][:40])
        )
    if "messages" in one:
        question, answer = _from_messages(one["messages"], number)
    else:
        question = _text(one, _QUESTIONS, number)
        if isinstance(more := one.get("input"), str):
            question = "\n".join(part for part in (question, _clean(more)) if part)
        answer = _text(one, _ANSWERS, number)
    if not question or not (answer or only_questions):
        missing = _("question") if not question else _("answer")
        raise Fault(_("sample {number} has no {what}").format(number=number, what=missing))
    mark = one.get("row", "")
    return Pair(question, answer, str(mark).strip())


def _text(one: Mapping[str, Any], names: tuple[str, ...], number: int) -> str:
    found = [name for name in names if name in one]
    if len(found) > 1:
        raise Fault(
            _("sample {number} has both '{first}' and '{second}'").format(
                number=number, first=found[0], second=found[1]
            )
        )
    value = one[found[0]] if found else ""
    if not isinstance(value, str):
        raise Fault(_("sample {number}: '{key}' must be text").format(number=number, key=found[0]))
    return _clean(value)


def _from_messages(messages: Any, number: int) -> tuple[str, str]:
    turns = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    turns = [one for one in turns if one.get("role") != "system"]
    if [one.get("role") for one in turns] != ["user", "assistant"] or not all(
        isinstance(one.get("content"), str) for one in turns
    ):
        raise Fault(
            _("sample {number}: its messages must be one of the user and one of the assistant").format(
                number=number
            )
        )
    return _clean(turns[0]["content"]), _clean(turns[1]["content"])


def _clean(text: str) -> str:
    # Half a surrogate pair is what some models write for an emoji that was cut; no file can hold it.
    return clean(text.encode("utf-8", "replace").decode())
