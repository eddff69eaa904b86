"""Models that think when they are told to: whether they are told at serving what they were told in training."""

from __future__ import annotations

from tarot_tui.export.chat_template import CannotRender, ChatTemplate, Messages
from tarot_tui.export.slots import SystemMode, markers
from tarot_tui.findings import Finding
from tarot_tui.locale import _


def about_thinking(jinja: ChatTemplate, mode: SystemMode) -> list[Finding]:
    """A warning where the runtime, which tells a model to think unless asked not to, asks otherwise than the training.

    The training leaves ``enable_thinking`` to the template. llama.cpp, and Ollama with it since 0.30, sets it for every
    template that knows thoughts (``common_chat_templates_support_enable_thinking``).
    """
    trained, on, off = (_prompts(jinja, mode, thinking) for thinking in (None, True, False))
    if trained == on:
        return []
    text = _("Ollama and llama.cpp tell this model to think unless asked not to; it was trained otherwise.")
    how = _("Turn thinking off when you chat with it: /set nothink, or think: false in the API.")
    return [Finding("template.thinks", "warning", text, fix=how if trained == off else "")]


def _prompts(jinja: ChatTemplate, mode: SystemMode, thinking: bool | None) -> list[str | None]:
    systems = (False, True) if mode in ("first", "last") else (False,)
    return [_prompt(jinja, markers(turns, system=system), thinking) for turns in (1, 2) for system in systems]


def _prompt(jinja: ChatTemplate, messages: Messages, thinking: bool | None) -> str | None:
    try:
        return jinja.render(messages, thinking=thinking)
    except CannotRender:
        return None
