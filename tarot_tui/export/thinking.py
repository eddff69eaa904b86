"""Models that think when they are told to: whether they are told at serving what they were told in training."""

from __future__ import annotations

from tarot_tui.export.chat_template import CannotRender, ChatTemplate, Messages
from tarot_tui.export.slots import SystemMode, markers
from tarot_tui.findings import Finding
from tarot_tui.locale import _


def about_thinking(jinja: ChatTemplate, mode: SystemMode) -> tuple[bool | None, list[Finding]]:
    """What the runtime must be told about thinking to ask as the training did, and a warning where that is needed.

    None: nothing, or nothing helps. The training leaves ``enable_thinking`` to the template. llama.cpp, and Ollama with
    it since 0.30, sets it for every template that knows thoughts (``common_chat_templates_support_enable_thinking``).
    """
    trained, on, off = (_prompts(jinja, mode, thinking) for thinking in (None, True, False))
    if trained == on:
        return None, []
    text = _("Ollama and llama.cpp tell this model to think unless asked not to; it was trained otherwise.")
    if trained != off:
        return None, [Finding("template.thinks", "warning", text)]
    how = _(
        "'tarot-tui chat' turns thinking off; in other programs do so yourself: /set nothink, or think: false in the API."
    )
    return False, [Finding("template.thinks", "warning", text, fix=how)]


def _prompts(jinja: ChatTemplate, mode: SystemMode, thinking: bool | None) -> list[str | None]:
    systems = (False, True) if mode in ("first", "last") else (False,)
    return [_prompt(jinja, markers(turns, system=system), thinking) for turns in (1, 2) for system in systems]


def _prompt(jinja: ChatTemplate, messages: Messages, thinking: bool | None) -> str | None:
    try:
        return jinja.render(messages, thinking=thinking)
    except CannotRender:
        return None
