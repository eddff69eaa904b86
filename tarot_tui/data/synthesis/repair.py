"""JSON as language models and chat windows give it back, read without guessing.

Mended, since they can mean one thing only: text and code fences around the value, several values one after another,
commas too many or missing between objects, line breaks inside strings, quotation marks and punctuation that an
office program or an input method made typographic, and a list whose last object is cut off (it is left out). Anything
else, a key that is there twice among it, is :class:`Unclear`, with its place.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tarot_tui.locale import N_

_DEEPEST = 20
_LONGEST = 20_000_000
# A value begins here: a brace or bracket that cannot be a remark such as "[Note]".
_START = re.compile(r'[\[{](?=\s*(?:[\[{\]}"“]|$))')
_BEHIND = re.compile(r'[^\n\[\]{}"“”]*')
_SPACE = re.compile(r"[\s\ufeff\u200b\u3000]*")
_FENCE = re.compile(r"```|~~~")
_BARE = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_BARE_END = re.compile(r"[\s,，\]}]")
_STRAIGHT = re.compile(r'[^"\\]+')
_CURLY = re.compile(r"[^“”\\]+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"'}
# A mark that was escaped and became typographic afterwards.
_ESCAPES |= {"“": '"', "”": '"'}
_HEX = re.compile(r"[0-9A-Fa-f]{4}")

#: problem → what to say of it.
PROBLEMS = {
    "too_long": N_("it is too long"),
    "no_json": N_("there is no JSON in it"),
    "cut_off": N_("it is cut off"),
    "too_deep": N_("it is nested too deeply"),
    "more_behind": N_("something stands behind a value that does not belong to it"),
    "no_key": N_("a key in quotes was expected here"),
    "key_twice": N_("a key is there twice"),
    "no_colon": N_("a colon was expected here"),
    "no_comma": N_("a comma was expected here; a quote inside the text needs a backslash before it"),
    "no_value": N_("a value in quotes was expected here"),
    "escape": N_("a backslash stands before something that needs none"),
    "quotes": N_("it is not clear where this text in curly quotes ends"),
}


class Unclear(Exception):
    """What cannot be read in one way only. line, column: from 1; problem: a key of :data:`PROBLEMS`."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        super().__init__(problem)
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        self.problem = problem


@dataclass
class Found:
    """values: the JSON values in the text, in order. repaired: whether any needed mending. cut: whether the last was
    cut off, so that its last object may be missing."""

    values: list[Any] = field(default_factory=list)
    repaired: bool = False
    cut: bool = False


def read(text: str) -> Found:
    """The JSON in ``text``. Raises Unclear, also when there is none."""
    if len(text) > _LONGEST:
        raise Unclear(text, 0, "too_long")
    try:
        return Found([json.loads(text, object_pairs_hook=_without_twins)])
    except (ValueError, RecursionError):
        pass
    found = Found(repaired=True)
    position = 0
    while start := _START.search(text, position):
        reader = _Reader(text, start.start())
        found.values.append(reader.value())
        found.cut = found.cut or reader.cut
        position = _behind(text, reader.position)
    if not found.values:
        raise Unclear(text, 0, "no_json")
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _behind(text: str, position: int) -> int:
    """Past the words that may stand behind a value on its line; another value may begin there."""
    position = _BEHIND.match(text, position).end()  # type: ignore[union-attr]
    if position < len(text) and text[position] != "\n" and not _START.match(text, position):
        raise Unclear(text, position, "more_behind")
    return position


class _End(Exception):
    """The text ended inside a value."""


class _Reader:
    """One value of ``text`` from ``position`` on."""

    def __init__(self, text: str, position: int) -> None:
        self.text, self.position = text, position
        self.cut = False
        self._lists = 0
        self._depth = 0

    def value(self) -> Any:
        """The value; what was cut off of a list is missing. Raises Unclear."""
        start = self.position
        try:
            return self._value()
        except _End:
            raise Unclear(self.text, start, "cut_off") from None

    def _value(self) -> Any:
        character = self._peek()
        if character in "{[":
            self._depth += 1
            if self._depth > _DEEPEST:
                self._fail("too_deep")
            found = self._object() if character == "{" else self._list()
            self._depth -= 1
            return found
        if character in '"“':
            return self._string()
        return self._bare()

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.position += 1
        while (character := self._peek()) != "}":
            if character not in '"“':
                self._fail("no_key")
            start = self.position
            key = self._string()
            if key in found:
                self._fail("key_twice", start)
            if self._peek() not in ":：":
                self._fail("no_colon")
            self.position += 1
            found[key] = self._value()
            if self.cut:
                return found
            if self._peek() in ",，":
                self.position += 1
            elif self._peek() != "}":
                self._fail("no_comma")
        self.position += 1
        return found

    def _list(self) -> list[Any]:
        self._lists += 1
        outermost = self._lists == 1
        found: list[Any] = []
        self.position += 1
        try:
            self._elements(found)
        except _End:
            # Only whole samples may go missing: a list inside a sample takes the sample with it.
            if not outermost:
                raise
            self.cut = True
        self._lists -= 1
        return found

    def _elements(self, found: list[Any]) -> None:
        while (character := self._peek()) != "]":
            found.append(self._value())
            comma = self._peek()
            if comma in ",，":
                self.position += 1
            elif comma == "{" and character == "{":
                continue
            elif comma != "]":
                self._fail("no_comma")
        self.position += 1

    def _string(self) -> str:
        return self._straight() if self.text[self.position] == '"' else self._curly()

    def _straight(self) -> str:
        self.position += 1
        parts: list[str] = []
        while True:
            if plain := _STRAIGHT.match(self.text, self.position):
                parts.append(plain[0])
                self.position = plain.end()
            if self._character() == '"':
                self.position += 1
                return "".join(parts)
            parts.append(self._escape())

    def _curly(self) -> str:
        """A string in typographic marks. It may quote “so” inside, unless it could end there just as well."""
        start, depth = self.position, 1
        self.position += 1
        parts: list[str] = []
        while True:
            if plain := _CURLY.match(self.text, self.position):
                parts.append(plain[0])
                self.position = plain.end()
            mark = self._character()
            if mark == "\\":
                parts.append(self._escape())
                continue
            self.position += 1
            depth += 1 if mark == "“" else -1
            could_end = mark == "”" and self._next() in ",，:：}]"
            if could_end != (depth == 0):
                self._fail("quotes", start)
            if could_end:
                return "".join(parts)
            parts.append(mark)

    def _next(self) -> str:
        """The character that follows, blanks aside; where the text ends, the end of what it is in."""
        here = self.position
        try:
            return self._peek()
        except _End:
            return "]"
        finally:
            self.position = here

    def _escape(self) -> str:
        character = self.text[self.position + 1 : self.position + 2]
        if not character:
            raise _End
        if character == "u":
            return self._unicode()
        if character not in _ESCAPES:
            self._fail("escape")
        self.position += 2
        return _ESCAPES[character]

    def _unicode(self) -> str:
        units = []
        while self.text.startswith("\\u", self.position) and len(units) < 2:
            if len(self.text) < self.position + 6:
                raise _End
            if not (code := _HEX.match(self.text, self.position + 2)):
                self._fail("escape")
            units.append(int(code[0], 16))
            self.position += 6
            if not 0xD800 <= units[0] < 0xDC00:
                break
        pair = b"".join(unit.to_bytes(2, "little") for unit in units)
        return pair.decode("utf-16-le", "surrogatepass") if len(units) == 2 else chr(units[0])

    def _bare(self) -> Any:
        if not (match := _BARE.match(self.text, self.position)):
            self._fail("no_value")
        end = match.end()
        if end == len(self.text):
            raise _End
        if not _BARE_END.match(self.text, end):
            self._fail("no_value")
        self.position = end
        return json.loads(match[0])

    def _character(self) -> str:
        if self.position >= len(self.text):
            raise _End
        return self.text[self.position]

    def _peek(self) -> str:
        """The next character that is not blank; a fence ends the text as its end does."""
        self.position = _SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]
        if self.position >= len(self.text) or _FENCE.match(self.text, self.position):
            raise _End
        return self.text[self.position]

    def _fail(self, problem: str, position: int | None = None) -> Any:
        raise Unclear(self.text, self.position if position is None else position, problem)
