"""The tokenizer's chat template (Jinja) → the same as a Go template for Ollama, or a reason why not.

The template is rendered with markers for messages, the texts between the markers are its slots, and a Go template
over ``.System`` and ``.Messages`` is built from them. It is accepted only when both engines render a whole suite of
conversations alike; so whatever the extraction gets wrong, a wrong template is never handed out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tarot_tui.errors import Refused, TarotError
from tarot_tui.export.chat_template import (
    CannotRender,
    ChatTemplate,
    Messages,
    json_object,
    load,
    special_tokens,
)
from tarot_tui.export.conversations import first_difference, suite, trimmed
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Where the template puts a system prompt: before the first message, in the last user's turn, nowhere, or it raises.
SystemMode = Literal["first", "last", "ignored", "unsupported"]

_SYSTEM = "⟦system⟧"
_USERS = ("⟦user 1⟧", "⟦user 2⟧", "⟦user 3⟧")
_ANSWERS = ("⟦answer 1⟧", "⟦answer 2⟧")
_ROLES = ("system", "user", "assistant")


class Unconvertible(Exception):
    """Why a template is not, or cannot become, the Go template: one translated clause."""


@dataclass(frozen=True)
class TemplateReport:
    """What :func:`template_of` found.

    template: the verified Go template, None when there is none (then ``reason`` says why).
    stops: tokens that end an answer. trimmed: roles whose messages the tokenizer's template strips of surrounding
    white space, which Go cannot: whoever sends them should. bos: who puts the BOS token: ``runtime`` (llama.cpp,
    so it is left out of the template), ``template`` or ``nobody``.
    """

    template: str | None
    system_mode: SystemMode | None = None
    stops: tuple[str, ...] = ()
    trimmed: tuple[str, ...] = ()
    bos: Literal["runtime", "template", "nobody"] = "nobody"
    reason: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values."""
        return {
            "template": self.template,
            "system_mode": self.system_mode,
            "stops": list(self.stops),
            "trimmed": list(self.trimmed),
            "bos": self.bos,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class _Slots:
    """The texts around the messages. ``before`` an answer there is ``generate``, unless it is in the past: ``answer``."""

    start: str
    answer: str
    turn: str
    generate: str
    mode: SystemMode = "unsupported"
    system_start: str = ""
    system_end: str = ""


def template_of(model_dir: Path, adds_bos: bool | None = None) -> TemplateReport:
    """The verified Go template of the model in ``model_dir``, its system mode and its stop tokens.

    adds_bos: whether the runtime puts a BOS before every prompt, where that is known (from a written GGUF).
    """
    stops = _eos_tokens(model_dir)
    try:
        jinja = load(model_dir)
    except Refused as refusal:
        return TemplateReport(None, stops=stops, reason=str(refusal))
    runtime_bos = adds_bos if adds_bos is not None else runtime_adds_bos(model_dir)
    bos = jinja.tokens.get("bos_token", "")
    try:
        _refuse_dates(jinja)
        prints_bos = bool(bos) and jinja.render(_chat(1, system=False)).startswith(bos)
        skip = len(bos) if prints_bos and runtime_bos else 0
        slots = _extract(jinja, skip)
        stops = tuple(dict.fromkeys([*_stop_after_answer(slots.turn, model_dir), *stops]))
        roles = _trimmed_roles(jinja, slots.mode)
        source = _go(slots)
        if difference := check(source, jinja, skip, slots.mode, roles, stops):
            raise Unconvertible(
                _("the best candidate renders {go} where the tokenizer renders {jinja}").format(
                    go=repr(difference[1]), jinja=repr(difference[0])
                )
            )
    except (CannotRender, Unconvertible) as error:
        reason = _("The chat template cannot be turned into Ollama's exactly: {reason}.").format(reason=error)
        return TemplateReport(None, stops=stops, reason=reason)
    who = "runtime" if runtime_bos else "template" if prints_bos else "nobody"
    findings = _findings(
        jinja, slots.mode, roles, adds_unprinted_bos=runtime_bos and bool(bos) and not prints_bos
    )
    return TemplateReport(source, slots.mode, stops, roles, who, findings=findings)


def check(
    source: str,
    jinja: ChatTemplate,
    skip: int,
    mode: SystemMode,
    roles: tuple[str, ...],
    stops: tuple[str, ...],
) -> tuple[str, str] | None:
    """Render the suite with both; (tokenizer's text, Go's text) around the first difference, None when equal.

    skip: characters at the beginning of the tokenizer's text (its BOS) that the runtime adds by itself.
    """
    render_go = go_renderer(source)
    # An answer that was begun is continued: nothing may follow it.
    whole, begun = jinja.render(_chat(2, system=False))[skip:], _chat(2, system=False)[:-1]
    difference = first_difference(
        iter([begun]), lambda _messages: whole[: whole.index(_ANSWERS[0]) + len(_ANSWERS[0])], render_go
    ) or first_difference(
        suite(system=mode in ("first", "last"), lookalikes=stops),
        lambda messages: jinja.render(messages)[skip:],
        lambda messages: render_go(trimmed(messages, roles)),
    )
    return difference and _excerpts(*difference)


def _refuse_dates(jinja: ChatTemplate) -> None:
    # What today's date prints would be frozen in a Go template, and wrong tomorrow.
    other = ChatTemplate(jinja.source, jinja.tokens, now=lambda: datetime(2001, 2, 3, 4, 5, 6))
    if any(jinja.render(_chat(n, system=False)) != other.render(_chat(n, system=False)) for n in (1, 2)):
        raise Unconvertible(_("it prints the date of the day"))


def _excerpts(one: str, other: str) -> tuple[str, str]:
    same = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    start = max(0, same - 10)
    return one_line(one[start : same + 30]), one_line(other[start : same + 30])


def go_renderer(source: str) -> Callable[[Messages], str]:
    """Renders conversations with the Go template ``source`` as Ollama does. Raises Unconvertible when it is none."""
    try:
        from gotpl import Template
        from gotpl.errors import TemplateError
    except ImportError:
        raise TarotError(
            _("Checking templates needs gotpl: install it with 'pip install tarot-tui[export]'.")
        ) from None
    try:
        template = Template(source)
    except TemplateError as error:
        raise Unconvertible(one_line(str(error))) from error

    def render(messages: Messages) -> str:
        # The data that Ollama gives a template: template/template.go, Execute.
        data = {
            "System": "\n\n".join(m["content"] for m in messages if m["role"] == "system"),
            "Messages": [{"Role": m["role"], "Content": m["content"]} for m in messages],
        }
        try:
            return template.render(data)
        except TemplateError as error:
            raise Unconvertible(one_line(str(error))) from error

    return render


def _chat(turns: int, *, system: bool) -> Messages:
    contents = [text for pair in zip(_USERS, (*_ANSWERS, ""), strict=True) for text in pair][: 2 * turns - 1]
    messages = [{"role": "system", "content": _SYSTEM}] if system else []
    return messages + [
        {"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(contents)
    ]


def _extract(jinja: ChatTemplate, skip: int) -> _Slots:
    pieces = {n: _split(jinja, _chat(n, system=False), skip) for n in (1, 2, 3)}
    start, generate = pieces[1]
    answer, turn = pieces[2][1:3]
    if pieces[2] != [start, answer, turn, generate] or pieces[3] != [start, *(answer, turn) * 2, generate]:
        raise Unconvertible(_("a turn is written differently depending on where it stands"))
    plain = _Slots(start, answer, turn, generate)
    return _with_system(plain, jinja, skip)


def _with_system(plain: _Slots, jinja: ChatTemplate, skip: int) -> _Slots:
    start, answer, turn, generate = plain.start, plain.answer, plain.turn, plain.generate
    try:
        texts = {n: jinja.render(_chat(n, system=True))[skip:] for n in (1, 2, 3)}
    except CannotRender:
        return plain
    if _SYSTEM not in texts[1]:
        return _Slots(start, answer, turn, generate, "ignored")
    if texts[2].find(_SYSTEM) < texts[2].find(_USERS[0]):
        before, after, *_rest = _split(jinja, _chat(1, system=True), skip)
        return _Slots(start, answer, turn, generate, "first", before, after)
    # Mistral's way: the system prompt stands in the last user's turn, between its opening and its text.
    before, after, _generate = _cut(texts[1], [_SYSTEM, _USERS[0]])
    if not before.startswith(start):
        raise Unconvertible(_("the system prompt changes the text before it"))
    return _Slots(start, answer, turn, generate, "last", before.removeprefix(start), after)


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


def _trimmed_roles(jinja: ChatTemplate, mode: SystemMode) -> tuple[str, ...]:
    """The roles whose content the template strips."""
    found = []
    for role in _ROLES:
        if role == "system" and mode not in ("first", "last"):
            continue
        messages = _chat(2, system=mode in ("first", "last"))
        marked = next(message for message in messages if message["role"] == role)
        padded = f" \n{marked['content']}\n "
        text = jinja.render([m | {"content": padded} if m is marked else m for m in messages])
        if padded not in text:
            found.append(role)
    return tuple(found)


def _go(slots: _Slots) -> str:
    """The Go template. ``slice $.Messages $i`` has one element at the last message: what follows it is open."""
    last = "eq (len (slice $.Messages $i)) 1"
    system = _literal(slots.system_start) + "{{$.System}}" + _literal(slots.system_end)
    head, wedge = _literal(slots.start), ""
    if slots.mode == "first":
        head = _if("$.System", system, head)
    elif slots.mode == "last":
        wedge = _if(f"and $.System ({last})", system)
    answer = _literal(slots.generate)
    if slots.answer != slots.generate:
        answer = _if(last, answer, _literal(slots.answer))
    user = wedge + "{{$m.Content}}" + answer
    assistant = "{{$m.Content}}" + _if(f"not ({last})", _literal(slots.turn))
    each = '{{if eq $m.Role "user"}}' + user + '{{else if eq $m.Role "assistant"}}' + assistant + "{{end}}"
    return head + "{{range $i,$m := .Messages}}" + each + "{{end}}"


def _if(condition: str, then: str, otherwise: str = "") -> str:
    return "{{if " + condition + "}}" + then + ("{{else}}" + otherwise if otherwise else "") + "{{end}}"


def _literal(text: str) -> str:
    return text.replace("{{", '{{"{{"}}')


def _eos_tokens(folder: Path) -> tuple[str, ...]:
    """What the tokenizer and the generation config call the end."""
    config = json_object(folder / "tokenizer_config.json")
    eos = config.get("eos_token")
    found = [eos.get("content") if isinstance(eos, dict) else eos]
    ids = json_object(folder / "generation_config.json").get("eos_token_id")
    tokens = {token["id"]: token["content"] for token in _added_tokens(folder)}
    found += [tokens.get(i) for i in (ids if isinstance(ids, list) else [ids])]
    return tuple(dict.fromkeys(token for token in found if isinstance(token, str) and token))


def _stop_after_answer(turn: str, folder: Path) -> list[str]:
    """The token that follows an answer, where the template writes one."""
    after = turn.lstrip()
    ends = [
        token["content"]
        for token in _added_tokens(folder)
        if token["content"] and after.startswith(token["content"])
    ]
    return [max(ends, key=len)] if ends else []


def _added_tokens(folder: Path) -> list[dict[str, Any]]:
    found = json_object(folder / "tokenizer.json").get("added_tokens")
    return [t for t in found if isinstance(t.get("content"), str)] if isinstance(found, list) else []


def runtime_adds_bos(folder: Path) -> bool:
    """Whether llama.cpp will put a BOS before prompts of this tokenizer.

    The order is that of ``gguf.SpecialVocab``, then llama.cpp's default: only SentencePiece vocabularies get one.
    """
    said = json_object(folder / "tokenizer_config.json").get("add_bos_token")
    if isinstance(said, bool):
        return said
    tokenizer = json_object(folder / "tokenizer.json")
    processor = tokenizer.get("post_processor") or {}
    bos = special_tokens(folder).get("bos_token")
    for one in processor.get("processors", [processor]):
        single = one.get("single") or []
        if one.get("type") == "TemplateProcessing" and len(single) > 1:
            return single[0].get("SpecialToken", {}).get("id") == bos
    model = tokenizer.get("model") or {}
    return bool(model.get("byte_fallback")) or not tokenizer and (folder / "tokenizer.model").is_file()


def _findings(
    jinja: ChatTemplate, mode: SystemMode, roles: tuple[str, ...], *, adds_unprinted_bos: bool
) -> list[Finding]:
    found = []
    if mode in ("ignored", "unsupported"):
        text = _(
            "This model's chat template has no place for a system prompt: put instructions into the questions."
        )
        found.append(Finding("template.no_system", "warning", text))
    if roles:
        text = _("This model's chat template strips white space around messages; send them stripped.")
        found.append(Finding("template.trims", "info", text, ", ".join(roles)))
    if adds_unprinted_bos:
        text = _("The runtime puts a {bos} before every prompt, and the chat template does not print one.")
        found.append(
            Finding("template.bos_added", "warning", text.format(bos=one_line(jinja.tokens["bos_token"], 30)))
        )
    return found
