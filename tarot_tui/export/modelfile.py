"""Ollama's Modelfile, written as documentation: import goes over HTTP, which loses nothing.

The grammar (Ollama's ``parser/parser.go``) knows no escapes, and its reader drops every character that Go calls
unprintable, U+3000 and zero-width joiners among them. So a file is written only when reading it back gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_COMMANDS = {
    "from", "license", "template", "system", "adapter", "draft", "renderer", "parser", "parameter", "message",
    "requires",
}  # fmt: skip


def modelfile(
    gguf: str, template: str | None, system: str, stops: Sequence[str], parameters: Mapping[str, Any]
) -> str | None:
    """The text of a Modelfile, or None when Ollama would read it differently. ``gguf`` is a file name beside it."""
    commands = [("model", f"./{gguf}")]
    commands += [("template", template)] if template else []
    commands += [("system", system)] if system else []
    commands += [(key, str(value)) for key, value in parameters.items()]
    commands += [("stop", stop) for stop in stops]
    text = "".join(f"{_line(name, value)}\n" for name, value in commands)
    quotes = any('"""' in value for _name, value in commands)  # read by some versions only
    return text if parse(text) == commands and not quotes else None


def _line(name: str, value: str) -> str:
    if name == "model":
        return f"FROM {value}"
    if name in ("template", "system"):
        return f'{name.upper()} """{value}"""'
    quoted = f'"{value}"' if name == "stop" else value
    return f"PARAMETER {name} {quoted}"


def parse(text: str) -> list[tuple[str, str]] | None:
    """The commands of a Modelfile as Ollama reads them, parameters by their own name; None when it is not one."""
    commands: list[tuple[str, str]] = []
    state, name, buffer = "nothing", "", ""
    for character in text + "\n":
        space, newline = character in " \t", character in "\r\n"
        if state == "nothing":
            if character == "#":
                state = "comment"
            elif not (space or newline):
                state, buffer = "name", character
        elif state == "comment":
            state = "nothing" if newline else state
        elif state in ("name", "parameter"):
            if not (space or newline):
                buffer += character
            elif newline or (state == "name" and buffer.lower() not in _COMMANDS):
                return None
            elif buffer:
                known = buffer.lower() if state == "name" else buffer
                state = "parameter" if state == "name" and known == "parameter" else "value"
                name, buffer = {"from": "model"}.get(known, known), ""
        elif space or newline:
            value = _unquoted(buffer.strip())
            if value is None or space:
                buffer += character
            else:
                commands.append((name, value))
                state, buffer = "nothing", ""
        elif character.isprintable():  # the same classes of characters as Go's strconv.IsPrint
            buffer += character
    return commands if state == "nothing" else None


def _unquoted(text: str) -> str | None:
    """The value, or None while its quotes are still open."""
    for quote in ('"""', '"'):
        if text.startswith(quote):
            closed = len(text) >= 2 * len(quote) and text.endswith(quote)
            return text[len(quote) : -len(quote)] if closed else None
    return text
