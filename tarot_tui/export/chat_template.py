"""A model folder's chat template, rendered as transformers renders it, without importing transformers.

The environment is that of ``transformers.utils.chat_template_utils``: an immutable sandbox with ``tojson``,
``raise_exception``, ``strftime_now`` and loop controls. A template comes from a stranger and is run as such.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: A conversation: ``[{"role": "system" | "user" | "assistant", "content": text}, …]``.
Messages = list[dict[str, str]]

_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class CannotRender(Exception):
    """The template raised, or is not valid Jinja."""


@dataclass
class ChatTemplate:
    """The template's source, the special tokens it may print (``bos_token`` → ``<s>``), and what time it is there."""

    source: str
    tokens: dict[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = datetime.now

    def __post_init__(self) -> None:
        self._compiled = _compile(self.source, self.now)

    def render(self, messages: Messages, *, prompt: bool = True, thinking: bool | None = None) -> str:
        """The text of ``messages``, with the beginning of an answer when ``prompt``. Raises CannotRender.

        thinking: what the template is told of ``enable_thinking``; None leaves that to it, as training does.
        """
        told = {} if thinking is None else {"enable_thinking": thinking}
        try:
            return self._compiled.render(
                messages=[dict(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=prompt,
                **told,
                **self.tokens,
            )
        except Exception as error:  # a template may raise anything, also through the sandbox
            raise CannotRender(one_line(str(error) or type(error).__name__)) from error


def chat_template(folder: Path) -> str | None:
    """The source of the default chat template in ``folder``, looked for where transformers looks; None without one."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        found = json_object(folder / name).get("chat_template")
        if isinstance(found, list):  # several, by name
            found = next((one.get("template") for one in found if one.get("name") == "default"), None)
        if isinstance(found, str):
            return found
    return None


def load(folder: Path) -> ChatTemplate:
    """The chat template of the model in ``folder``. Raises Refused when it has none that can be used."""
    source = chat_template(folder)
    if source is None:
        raise Refused(
            _(
                "The model in {folder} has no chat template: it is a base model that was never taught to chat. "
                "Choose its 'Instruct' or 'Chat' version."
            ).format(folder=folder)
        )
    try:
        return ChatTemplate(source, special_tokens(folder))
    except CannotRender as error:
        raise Refused(
            _("The chat template in {folder} is not valid Jinja: {reason}.").format(
                folder=folder, reason=error
            )
        ) from None


def trained_with(base: Path, adapter: Path | None) -> Path:
    """The folder whose tokenizer and chat template trained: the adapter's, where they were saved with it."""
    if adapter and (adapter / "tokenizer.json").is_file() and chat_template(adapter) is not None:
        return adapter
    return base


def special_tokens(folder: Path) -> dict[str, str]:
    """``bos_token`` and friends as text."""
    found = json_object(folder / "special_tokens_map.json") | json_object(folder / "tokenizer_config.json")
    tokens = {}
    for name in _TOKENS:
        value = found.get(name)
        value = value.get("content") if isinstance(value, dict) else value
        if isinstance(value, str):
            tokens[name] = value
    return tokens


def json_object(path: Path) -> dict[str, Any]:
    """A JSON object, empty when the file is missing or is something else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _compile(source: str, now: Callable[[], datetime]) -> Any:
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` marks what an assistant says, for training; it prints nothing itself."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.Scope(body).set_lineno(line)

    def raise_exception(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value: Any, **options: Any) -> str:
        return json.dumps(value, **{"ensure_ascii": False, **options})

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: now().strftime(form)
    try:
        return environment.from_string(source)
    except (jinja2.exceptions.TemplateError, RecursionError) as error:
        raise CannotRender(one_line(str(error))) from error
