"""Files of samples, written and read one sample at a time: a dataset need not fit into memory."""

from __future__ import annotations

import json
import json.encoder
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

SUFFIXES = (".json", ".jsonl")

_CHUNK = 1 << 18
_LONGEST_SAMPLE = 64_000_000
_BLANK = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()

#: Text as JSON, without the encoder's questions about what it is given.
quoted = json.encoder.encode_basestring


def write(path: Path, samples: Iterable[Mapping[str, Any]]) -> int:
    """Write samples as a JSON array, the same bytes as ``json.dump(…, ensure_ascii=False, indent=2)``.

    Returns how many there were.
    """
    return write_texts(path, ([as_text(sample)] for sample in samples))


def write_lines(path: Path, samples: Iterable[Mapping[str, Any]]) -> int:
    """Write samples as JSON lines; returns how many there were."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n", buffering=_CHUNK) as file:
        for sample in samples:
            file.write(json.dumps(sample, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_texts(path: Path, parts: Iterable[Sequence[str]]) -> int:
    """What :func:`write` does, for samples that are :func:`as_text` already and come several at a time."""
    count = 0
    with open(path, "wb", buffering=_CHUNK) as file:
        for part in parts:
            if part:
                file.write((("," if count else "[") + ",".join(part)).encode())
                count += len(part)
        file.write(b"\n]" if count else b"[]")
    return count


def as_text(sample: Mapping[str, Any]) -> str:
    """A sample as it stands in a file, from the line end before it to its closing brace."""
    fields = ",\n".join([f"    {quoted(key)}: {_value(value)}" for key, value in sample.items()])
    return f"\n  {{\n{fields}\n  }}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    # No text in it has a line end that is not escaped.
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n    ")


def alpaca(sample: Mapping[str, Any], *, with_system: bool, with_history: bool) -> dict[str, Any]:
    """A sample with the keys of its file in their order: a key is in all of a file's samples or in none."""
    keys = ["instruction", "input", "output", *["system"] * with_system]
    made: dict[str, Any] = {key: sample.get(key) or "" for key in keys}
    if with_history:
        made["history"] = sample.get("history") or []
    return made


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The samples of a JSON array or of JSON lines, whatever the file is called.

    Raises BadInput with the line for what is not JSON, and for what is JSON but no object.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield from _Objects(path, file).read()
    except UnicodeDecodeError:
        raise BadInput(_("{file} is not UTF-8 text: save it as UTF-8.").format(file=path)) from None
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None


class _Objects:
    """JSON objects out of a stream, with a buffer that holds little more than one of them."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self.file = path, file
        self.buffer, self.position, self.line, self.ended = "", 0, 1, False

    def read(self) -> Iterator[dict[str, Any]]:
        is_array = self._peek() == "["
        if is_array:
            self.position += 1
        first = True
        while (character := self._peek()) not in ("", "]"):
            if is_array and not first:
                if character != ",":
                    self._fail(_("expected a comma between two samples"))
                self.position += 1
                character = self._peek()
            if character != "{":
                self._fail(_("expected a sample, an object in braces"))
            yield self._object()
            first = False
        if is_array and character != "]":
            self._fail(_("the list is not closed; the file may be cut off"))
        if character == "]":
            self.position += 1 if is_array else 0
            if self._peek():
                self._fail(_("something follows after the end of the list"))

    def _peek(self) -> str:
        """The next character that is not blank, '' at the end."""
        while True:
            self.position = _BLANK.match(self.buffer, self.position).end()  # type: ignore[union-attr]
            if self.position < len(self.buffer) or not self._more():
                return self.buffer[self.position : self.position + 1]

    def _more(self) -> bool:
        """Read on; the buffer doubles while one object fills it, so that parsing again costs little in all."""
        if self.ended:
            return False
        self.line += self.buffer.count("\n", 0, self.position)
        self.buffer = self.buffer[self.position :]
        self.position = 0
        chunk = self.file.read(max(_CHUNK, len(self.buffer)))
        self.ended = not chunk
        self.buffer += chunk
        return not self.ended

    def _object(self) -> dict[str, Any]:
        while True:
            try:
                found, self.position = _decoder.raw_decode(self.buffer, self.position)
                return found
            except json.JSONDecodeError as error:
                if self._is_broken(error) or not self._more():
                    self.position = error.pos
                    self._fail(error.msg)
            except RecursionError:
                self._fail(_("nested too deeply"))

    def _is_broken(self, error: json.JSONDecodeError) -> bool:
        """Whether more text cannot mend it: a fault well before the end of what is there, or far too much of it."""
        at_end = error.pos > len(self.buffer) - 16 or error.msg.startswith("Unterminated string")
        return not at_end or len(self.buffer) - self.position > _LONGEST_SAMPLE

    def _fail(self, problem: str) -> None:
        line = self.line + self.buffer.count("\n", 0, self.position)
        raise BadInput(
            _("{file}, line {line}: not valid JSON: {problem}.").format(
                file=self.path, line=line, problem=one_line(problem)
            )
        )
