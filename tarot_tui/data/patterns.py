"""The little language of templates: text with ``{Column}`` in it.

``{Column}`` stands for the row's cell; a name may be in any script. ``[… {Column} …]`` is left out whole when a cell
in it is empty; brackets without a column in them are ordinary text. ``{{ }} [[ ]]`` are the signs themselves.

Substitution is ours, not ``str.format``: a template from a stranger can name columns and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

# Text between the signs is skipped at once: a pattern may hold a whole persona.
_TOKEN = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([^{}]*)\}|[{}\[\]]")


@dataclass(frozen=True)
class Cell:
    """Where the cell of ``column`` goes."""

    column: str


@dataclass(frozen=True)
class Optional:
    """What is left out when a cell in it is empty."""

    parts: tuple[str | Cell, ...]

    @property
    def columns(self) -> list[str]:
        """The columns in it."""
        return [part.column for part in self.parts if isinstance(part, Cell)]


Part = str | Cell | Optional


class _Bracket(str):
    """A bracket that may begin or end an optional part, unlike one in the text."""


@lru_cache(maxsize=1000)
def parse(pattern: str) -> tuple[Part, ...]:
    """``pattern`` as its parts in order.

    Raises ValueError for a brace that neither belongs to a column nor is doubled, and for ``{}``.
    """
    outer: list[Part] = []
    inner: list[str | Cell] | None = None  # the parts since a bracket that is still open
    for token in _tokens(pattern):
        if not isinstance(token, _Bracket):
            (outer if inner is None else inner).append(token)
        elif token == "[":
            outer += ["[", *inner] if inner is not None else []
            inner = []
        elif inner is None:
            outer.append("]")
        else:
            is_optional = any(isinstance(part, Cell) for part in inner)
            outer += [Optional(tuple(inner))] if is_optional else ["[", *inner, "]"]
            inner = None
    outer += ["[", *inner] if inner is not None else []
    return tuple(outer)


def _tokens(pattern: str) -> Iterator[str | Cell]:
    position = 0
    for token in _TOKEN.finditer(pattern):
        if token.start() > position:
            yield pattern[position : token.start()]
        position = token.end()
        if token[0] in ("{{", "}}", "[[", "]]"):
            yield token[0][0]
        elif token[0] in ("[", "]"):
            yield _Bracket(token[0])
        elif column := " ".join((token[1] or "").split()):
            yield Cell(column)
        else:
            raise ValueError(token[0])
    if position < len(pattern):
        yield pattern[position:]


def literal(text: str) -> str:
    """A pattern that gives ``text``, whatever is in it."""
    return re.sub(r"[{}\[\]]", lambda sign: sign[0] * 2, text)


def columns_of(*patterns: str) -> list[str]:
    """The columns that the patterns name, each once, in order."""
    named: dict[str, None] = {}
    for pattern in patterns:
        for part in parse(pattern):
            if isinstance(part, Cell):
                named[part.column] = None
            elif isinstance(part, Optional):
                named.update(dict.fromkeys(part.columns))
    return list(named)


def needed_by(*patterns: str) -> list[str]:
    """The columns that the patterns name outside of optional parts."""
    named = (part.column for pattern in patterns for part in parse(pattern) if isinstance(part, Cell))
    return list(dict.fromkeys(named))


def fill(pattern: str, cells: Mapping[str, str]) -> str:
    """``pattern`` with its cells put in. Raises KeyError for a column that is not there."""
    return "".join(_filled(part, cells) for part in parse(pattern))


def _filled(part: Part, cells: Mapping[str, str]) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Cell):
        return cells[part.column]
    whole = all(cells[column] for column in part.columns)
    return "".join(_filled(one, cells) for one in part.parts) if whole else ""
