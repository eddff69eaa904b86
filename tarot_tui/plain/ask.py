"""Questions of one line each. ``b`` goes back to the list of steps, ``q`` leaves, an empty line takes what is offered.

Questionary asks where the terminal can move its cursor; elsewhere, and in a pipe, Python's own ``input``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.text import plain

Value = TypeVar("Value")


class Back(Exception):
    """The user wants to see the steps again."""


class Leave(Exception):
    """The user wants to leave, or nobody is there to ask."""


def tell(*lines: str) -> None:
    """Print lines, harmless to the terminal."""
    for line in lines:
        print(plain(line))
    sys.stdout.flush()


def text(question: str, offered: str = "", check: Callable[[str], None] = lambda _answer: None) -> str:
    """One line; an empty one is ``offered``. ``check`` raises TarotError for what will not do, and asks again with it."""
    while True:
        answer = _line(question, offered)
        try:
            check(answer)
        except TarotError as error:
            tell(str(error))
        else:
            return answer


def choose(question: str, options: Sequence[tuple[str, Value]], offered: Value | None = None) -> Value:
    """One of ``options`` (label and value), by its number or the beginning of its label."""
    values = [value for _label, value in options]
    place = values.index(offered) + 1 if offered in values else 1
    for number, (label, _value) in enumerate(options, 1):
        tell(f"  {number}. {label}")
    labels = [label for label, _value in options]
    return values[_number(_picked(question, str(place), lambda answer: _number(answer, labels)), labels)]


def several(question: str, options: Sequence[tuple[str, Value]], offered: Sequence[Value]) -> list[Value]:
    """Some of ``options``, by their numbers with commas between."""
    for number, (label, value) in enumerate(options, 1):
        tell(f"  {number}. {label}{' *' if value in offered else ''}")
    labels = [label for label, _value in options]
    preset = ",".join(str(number) for number, (_label, value) in enumerate(options, 1) if value in offered)

    def check(answer: str) -> None:
        for part in _parts(answer):
            _number(part, labels)

    answer = _picked(question, preset, check)
    return [options[_number(part, labels)][1] for part in _parts(answer)]


def yes(question: str, *, offered: bool = False) -> bool:
    """Whether the answer is yes."""
    words = {
        _("y").casefold(): True,
        "y": True,
        "yes": True,
        "n": False,
        "no": False,
        _("N").casefold(): False,
    }

    def check(answer: str) -> None:
        if answer.casefold() not in words:
            raise TarotError(_("Answer {yes} or {no}.").format(yes=_("y"), no=_("N").lower()))

    return words[text(question, _("y") if offered else _("N").lower(), check).casefold()]


def _picked(question: str, offered: str, check: Callable[[str], object]) -> str:
    def checked(answer: str) -> None:
        check(answer)

    return text(question, offered, checked)


def _parts(answer: str) -> list[str]:
    return [part.strip() for part in answer.replace("，", ",").split(",") if part.strip()]


def _number(answer: str, labels: Sequence[str]) -> int:
    if answer.isdecimal() and 1 <= int(answer) <= len(labels):
        return int(answer) - 1
    if answer in labels:
        return labels.index(answer)
    alike = [place for place, label in enumerate(labels) if label.casefold().startswith(answer.casefold())]
    if answer and len(alike) == 1:
        return alike[0]
    raise TarotError(_("Answer with a number from 1 to {count}.").format(count=len(labels)))


def _line(question: str, offered: str) -> str:
    try:
        answer = (_asked_by_questionary if _can_move_the_cursor() else _asked_by_input)(question, offered)
    except EOFError:
        raise Leave from None
    answer = answer.strip() or offered
    if answer in ("q", "b"):
        raise Leave if answer == "q" else Back
    return answer


def _asked_by_questionary(question: str, offered: str) -> str:
    import questionary

    return str(questionary.text(plain(question), default=offered, qmark="").unsafe_ask())


def _asked_by_input(question: str, offered: str) -> str:
    return input(plain(f"{question} [{offered}] " if offered else f"{question} "))


def _can_move_the_cursor() -> bool:
    return (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    )
