"""The tokenizer's chat template (Jinja) → the same as a Go template for Ollama, or a reason why not.

The template is rendered with markers for messages, the texts between the markers are its slots, and a Go template
over ``.System`` and ``.Messages`` is built from them. It is accepted only when both engines render a whole suite of
conversations alike; so whatever the extraction gets wrong, a wrong template is never handed out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tarot_tui.errors import Refused, TarotError
from tarot_tui.export.chat_template import CannotRender, ChatTemplate, Messages, load
from tarot_tui.export.conversations import first_difference, suite, trimmed, without_thoughts
from tarot_tui.export.slots import (
    ANSWERS,
    SystemMode,
    Unconvertible,
    after_answer,
    extract,
    go_source,
    left_out_thoughts,
    markers,
    system_mode,
    thought,
    trimmed_roles,
)
from tarot_tui.export.special import eos_tokens, runtime_adds_bos, stop_after_answer
from tarot_tui.export.thinking import about_thinking
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: The first Ollama that renders a GGUF's own Jinja template, and the first whose messages have ``.Thinking``.
JINJA_SINCE, THINKING_SINCE = "0.30.0", "0.9.0"


@dataclass(frozen=True)
class TemplateReport:
    """What :func:`template_of` found.

    template: the verified Go template, None when there is none (then ``reason`` says why).
    system_mode: None when the tokenizer's template cannot be rendered. stops: tokens that end an answer.
    trimmed: roles whose messages the tokenizer's template strips of surrounding white space, which Go cannot: whoever
    sends them should. thoughts: None, or what the tokenizer's template strips after the thoughts that it leaves out of
    past answers; Ollama takes them out by itself. bos: who puts the BOS token: ``runtime`` (llama.cpp, so it is left
    out of the template), ``template`` or ``nobody``. thinking: what the runtime must be told about it (Ollama's ``think``,
    llama.cpp's ``enable_thinking``) to ask as the training did; None for nothing. ollama: the oldest version that can serve it as it was trained,
    empty for any; None for none (there is no template at all).
    """

    template: str | None
    system_mode: SystemMode | None = None
    stops: tuple[str, ...] = ()
    trimmed: tuple[str, ...] = ()
    thoughts: str | None = None
    bos: Literal["runtime", "template", "nobody"] = "nobody"
    thinking: bool | None = None
    ollama: str | None = ""
    reason: str = ""
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values."""
        return {
            "template": self.template,
            "system_mode": self.system_mode,
            "stops": list(self.stops),
            "trimmed": list(self.trimmed),
            "thoughts": self.thoughts,
            "bos": self.bos,
            "thinking": self.thinking,
            "ollama": self.ollama,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Rendering:
    """How the tokenizer's template must be followed: what :func:`check` compares a Go template with.

    skip: characters at the beginning of its text (a BOS) that the runtime adds by itself. The rest as in a report.
    """

    jinja: ChatTemplate
    skip: int
    mode: SystemMode
    roles: tuple[str, ...] = ()
    thoughts: str | None = None
    stops: tuple[str, ...] = ()

    def prompt(self, messages: Messages) -> str:
        """What the tokenizer makes of ``messages``, as the runtime must be given it."""
        return self.jinja.render(messages)[self.skip :]

    def reduced(self, messages: Messages) -> Messages:
        """``messages`` as whoever sends them to a Go template should: stripped where the tokenizer's template strips."""
        return trimmed(without_thoughts(messages, self.thoughts), self.roles)


def template_of(
    model_dir: Path, adds_bos: bool | None = None, tokenizer: Path | None = None
) -> TemplateReport:
    """The verified Go template of the model in ``model_dir``, its system mode and its stop tokens.

    adds_bos: whether the runtime puts a BOS before every prompt, where that is known (from a written GGUF).
    tokenizer: the folder whose tokenizer and chat template trained, where that is another one.
    """
    tokenizer = tokenizer or model_dir
    stops = eos_tokens(model_dir, tokenizer)
    try:
        jinja = load(tokenizer)
        mode = system_mode(jinja)
    except (Refused, CannotRender) as error:
        reason = str(error)
        if isinstance(error, CannotRender):
            reason = _("The chat template does not render a plain conversation: {reason}.").format(
                reason=error
            )
        return TemplateReport(None, stops=stops, ollama=None, reason=reason)
    stops = tuple(dict.fromkeys([*stop_after_answer(after_answer(jinja), tokenizer), *stops]))
    bos = jinja.tokens.get("bos_token", "")
    prints_bos = bool(bos) and jinja.render(markers(1)).startswith(bos)
    # A GGUF of ours asks for no BOS that the template does not print.
    runtime_bos = adds_bos if adds_bos is not None else prints_bos and runtime_adds_bos(tokenizer)
    who: Any = "runtime" if runtime_bos else "template" if prints_bos else "nobody"
    thinking, about = about_thinking(jinja, mode)
    about = [*_about_mode(mode), *about]
    if runtime_bos and bos and not prints_bos:
        text = _("The runtime puts a {bos} before every prompt, and the chat template does not print one.")
        about.append(Finding("template.bos_added", "warning", text.format(bos=one_line(bos, 30))))
    try:
        _refuse_dates(jinja)
        skip = len(bos) if prints_bos and runtime_bos else 0
        rendering, source = _convert(jinja, skip, mode, stops)
    except (CannotRender, Unconvertible) as error:
        reason = _("The chat template cannot be turned into Ollama's exactly: {reason}.").format(reason=error)
        return TemplateReport(
            None,
            mode,
            stops,
            bos=who,
            thinking=thinking,
            ollama=JINJA_SINCE,
            reason=reason,
            findings=about,
        )
    return TemplateReport(
        source,
        mode,
        stops,
        rendering.roles,
        rendering.thoughts,
        who,
        thinking,
        "" if rendering.thoughts is None else THINKING_SINCE,
        findings=[*about, *_about_contents(rendering)],
    )


def trained_without_bos(tokenizer: Path) -> bool:
    """Whether the chat template prints no BOS, so that the model was never trained with one in front.

    False where that cannot be said: without a template, or one that renders nothing.
    """
    try:
        jinja = load(tokenizer)
        bos = jinja.tokens.get("bos_token")
        return not (bos and jinja.render(markers(1)).startswith(bos))
    except (Refused, CannotRender):
        return False


def _convert(
    jinja: ChatTemplate, skip: int, mode: SystemMode, stops: tuple[str, ...]
) -> tuple[Rendering, str]:
    slots = extract(jinja, skip, mode)
    thoughts = left_out_thoughts(jinja)
    rendering = Rendering(jinja, skip, mode, trimmed_roles(jinja, mode), thoughts, stops)
    source = go_source(replace(slots, thinks=thoughts is not None))
    if difference := check(source, rendering):
        raise Unconvertible(
            _("the best candidate renders {go} where the tokenizer renders {jinja}").format(
                go=repr(difference[1]), jinja=repr(difference[0])
            )
        )
    return rendering, source


def check(source: str, rendering: Rendering) -> tuple[str, str] | None:
    """Render the suite with both; (tokenizer's text, Go's text) around the first difference, None when equal.

    Raises Unconvertible when ``source`` is no Go template.
    """
    render_go = go_renderer(source)
    difference = first_difference(
        _unfinished(rendering), lambda messages: _expected(rendering, messages), render_go
    ) or first_difference(
        suite(system=rendering.mode in ("first", "last"), lookalikes=rendering.stops),
        rendering.prompt,
        lambda messages: render_go(rendering.reduced(messages)),
    )
    return difference and _excerpts(*difference)


def _unfinished(rendering: Rendering) -> list[Messages]:
    """Conversations that end with an answer that was begun; of a model that thinks also with its thoughts."""
    begun = markers(2)[:-1]
    if rendering.thoughts is None:
        return [begun]
    past, last = markers(3), markers(2)[:-1]
    for messages in (past, last):
        messages[1] = messages[1] | {"thinking": "⟦thought⟧"}
    return [begun, past, last]


def _expected(rendering: Rendering, messages: Messages) -> str:
    if messages[-1]["role"] == "user":
        return rendering.prompt([{"role": m["role"], "content": m["content"]} for m in messages])
    # An answer that was begun is continued: nothing may follow it.
    whole = rendering.prompt(markers(2))
    before, answer, _after = whole.partition(ANSWERS[0])
    thoughts = messages[-1].get("thinking")
    return before + (thought(thoughts) if thoughts else "") + answer


def _refuse_dates(jinja: ChatTemplate) -> None:
    # What today's date prints would be frozen in a Go template, and wrong tomorrow.
    other = ChatTemplate(jinja.source, jinja.tokens, now=lambda: datetime(2001, 2, 3, 4, 5, 6))
    if any(jinja.render(markers(n)) != other.render(markers(n)) for n in (1, 2)):
        raise Unconvertible(_("it prints the date of the day"))


def _excerpts(one: str, other: str) -> tuple[str, str]:
    same = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    start = max(0, same - 10)
    return one_line(one[start : same + 30]), one_line(other[start : same + 30])


def go_renderer(source: str) -> Callable[[Messages], str]:
    """Renders conversations with the Go template ``source`` as Ollama does. Raises Unconvertible when it is none.

    A message may have ``thinking`` beside its content, as in Ollama's API.
    """
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
            "Messages": [
                {"Role": m["role"], "Content": m["content"], "Thinking": m.get("thinking", "")}
                for m in messages
            ],
        }
        try:
            return template.render(data)
        except TemplateError as error:
            raise Unconvertible(one_line(str(error))) from error

    return render


def _about_mode(mode: SystemMode) -> list[Finding]:
    if mode not in ("ignored", "unsupported"):
        return []
    text = _(
        "This model's chat template has no place for a system prompt: put instructions into the questions."
    )
    return [Finding("template.no_system", "warning", text)]


def _about_contents(rendering: Rendering) -> list[Finding]:
    found = []
    if rendering.roles:
        text = _("This model's chat template strips white space around messages; send them stripped.")
        found.append(Finding("template.trims", "info", text, ", ".join(rendering.roles)))
    if rendering.thoughts is not None:
        text = _("This model's chat template leaves thoughts out of past answers; Ollama {version} does too.")
        found.append(Finding("template.thoughts", "info", text.format(version=THINKING_SINCE)))
    return found
