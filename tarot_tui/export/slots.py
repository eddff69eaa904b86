"""What a chat template writes around messages, found by rendering markers, and the Go template that writes the same.

What is found is a guess until it has been verified: :func:`tarot_tui.export.template.check`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tarot_tui.export.chat_template import CannotRender, ChatTemplate, Messages
from tarot_tui.export.conversations import THOUGHT_END, chat
from tarot_tui.locale import _

#: Where the template puts a system prompt: before the first message, in the last user's turn, nowhere, or it raises.
SystemMode = Literal["first", "last", "ignored", "unsupported"]

SYSTEM = "⟦system⟧"
_USERS = ("⟦user 1⟧", "⟦user 2⟧", "⟦user 3⟧")
ANSWERS = ("⟦answer 1⟧", "⟦answer 2⟧")
_ROLES = ("system", "user", "assistant")
_THOUGHT = "⟦thought⟧"
#: What may be taken away after thoughts that are left out; the first that fits is meant.
_AFTER_THOUGHTS = ("", "\n", " \t\r\n")


class Unconvertible(Exception):
    """Why a template is not, or cannot become, the Go template: one translated clause."""


@dataclass(frozen=True)
class Slots:
    """The texts around the messages.

    ``start`` stands before the first message; between a question and its answer stands ``generate``, or ``answer``
    where that answer is past; ``turn`` follows a past answer. A system prompt stands between ``system_start`` and
    ``system_end``: with mode ``first`` they replace ``start``, with ``last`` they precede the last question.
    thinks: the template leaves thoughts out of past answers.
    """

    start: str
    answer: str
    turn: str
    generate: str
    mode: SystemMode = "unsupported"
    system_start: str = ""
    system_end: str = ""
    thinks: bool = False


def markers(turns: int, *, system: bool = False) -> Messages:
    """A conversation of ``turns`` questions whose contents are marks."""
    contents = [text for pair in zip(_USERS, (*ANSWERS, ""), strict=True) for text in pair]
    return chat(contents[: 2 * turns - 1], SYSTEM if system else None)


def system_mode(jinja: ChatTemplate) -> SystemMode:
    """Where the template puts a system prompt. Raises CannotRender when it cannot render a plain conversation."""
    for turns in (1, 2):
        jinja.render(markers(turns))
    try:
        text = jinja.render(markers(2, system=True))
    except CannotRender:
        return "unsupported"
    if SYSTEM not in text:
        return "ignored"
    return "first" if text.find(SYSTEM) < text.find(_USERS[0]) else "last"


def extract(jinja: ChatTemplate, skip: int, mode: SystemMode) -> Slots:
    """The slots of a template. ``skip``: characters of BOS at the beginning that the runtime writes.

    Raises Unconvertible when the texts around a message are not the same everywhere, CannotRender when it raises.
    """
    pieces = {n: _split(jinja, markers(n), skip) for n in (1, 2, 3)}
    start, generate = pieces[1]
    answer, turn = pieces[2][1:3]
    if pieces[2] != [start, answer, turn, generate] or pieces[3] != [start, *(answer, turn) * 2, generate]:
        raise Unconvertible(_("a turn is written differently depending on where it stands"))
    plain = Slots(start, answer, turn, generate, mode)
    if mode == "first":
        before, after, *_rest = _split(jinja, markers(1, system=True), skip)
        return replace(plain, system_start=before, system_end=after)
    if mode == "last":
        # Mistral's way: the system prompt stands in the last user's turn, between its opening and its text.
        text = jinja.render(markers(1, system=True))[skip:]
        before, after, _generate = _cut(text, [SYSTEM, _USERS[0]])
        if not before.startswith(start):
            raise Unconvertible(_("the system prompt changes the text before it"))
        return replace(plain, system_start=before.removeprefix(start), system_end=after)
    return plain


def after_answer(jinja: ChatTemplate) -> str:
    """What the template writes behind a past answer, and all that follows; empty where it does not print the answer."""
    return jinja.render(markers(2)).partition(ANSWERS[0])[2]


def trimmed_roles(jinja: ChatTemplate, mode: SystemMode) -> tuple[str, ...]:
    """The roles whose content the template strips of surrounding white space."""
    found = []
    for role in _ROLES:
        with_system = mode in ("first", "last")
        if role == "system" and not with_system:
            continue
        messages = markers(2, system=with_system)
        marked = next(message for message in messages if message["role"] == role)
        padded = f" \n{marked['content']}\n "
        text = jinja.render([m | {"content": padded} if m is marked else m for m in messages])
        if padded not in text:
            found.append(role)
    return tuple(found)


def left_out_thoughts(jinja: ChatTemplate) -> str | None:
    """Whether past answers lose what is before ``</think>``: None when they keep it, else what is stripped after it."""

    def rendered(answer: str) -> str:
        messages = markers(2)
        messages[1] = messages[1] | {"content": answer}
        return jinja.render(messages)

    after = f"\n\n {ANSWERS[0]}"
    text = rendered(f"<think>\n{_THOUGHT}\n{THOUGHT_END}{after}")
    if _THOUGHT in text:
        return None
    for characters in _AFTER_THOUGHTS:
        if rendered(after.lstrip(characters)) == text:
            return characters
    raise Unconvertible(_("what it does to the thoughts of a model cannot be followed"))


def thought(text: str) -> str:
    """Thoughts as they stand before an answer that is going on."""
    return f"<think>\n{text}\n{THOUGHT_END}\n\n"


def go_source(slots: Slots) -> str:
    """The Go template. ``slice $.Messages $i`` has one element at the last message: what follows it is open."""
    last = "eq (len (slice $.Messages $i)) 1"
    system = _literal(slots.system_start) + "{{$.System}}" + _literal(slots.system_end)
    head, wedge, thoughts = _literal(slots.start), "", ""
    if slots.mode == "first":
        head = _if("$.System", system, head)
    elif slots.mode == "last":
        wedge = _if(f"and $.System ({last})", system)
    answer = _literal(slots.generate)
    if slots.answer != slots.generate:
        answer = _if(last, answer, _literal(slots.answer))
    if slots.thinks:
        # From this Ollama sees that the model thinks, and between which tags: it takes the thoughts out of the answer,
        # so they do not come back as part of it (thinking/template.go, InferTags: it wants a field of the dot).
        thoughts = _if(f"and .Thinking ({last})", thought("{{.Thinking}}"))
    user = wedge + "{{$m.Content}}" + answer
    assistant = thoughts + "{{$m.Content}}" + _if(f"not ({last})", _literal(slots.turn))
    each = '{{if eq $m.Role "user"}}' + user + '{{else if eq $m.Role "assistant"}}' + assistant + "{{end}}"
    return head + "{{range $i,$m := .Messages}}" + each + "{{end}}"


def _if(condition: str, then: str, otherwise: str = "") -> str:
    return "{{if " + condition + "}}" + then + ("{{else}}" + otherwise if otherwise else "") + "{{end}}"


def _literal(text: str) -> str:
    text = text.replace("{{", '{{"{{"}}')
    return text[:-1] + '{{"{"}}' if text.endswith("{") else text  # an action may follow


def _split(jinja: ChatTemplate, messages: Messages, skip: int) -> list[str]:
    return _cut(jinja.render(messages)[skip:], [message["content"] for message in messages])


def _cut(text: str, marks: list[str]) -> list[str]:
    pieces = []
    for mark in marks:
        if text.count(mark) != 1:
            raise Unconvertible(_("a message is left out, repeated or moved"))
        piece, _mark, text = text.partition(mark)
        pieces.append(piece)
    return [*pieces, text]
