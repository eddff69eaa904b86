"""Patterns made ready for one table: a row's values go in by position, its samples' texts come out.

All that is the same for every row is made once: a sample becomes one ``%`` format of the text that stands in the file,
and a cell that several patterns name is written as JSON once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from zlib import crc32

from tarot_tui.data.patterns import Cell, Optional, columns_of, needed_by, parse
from tarot_tui.data.samples import as_text, quoted
from tarot_tui.data.template import Pattern

Fill = Callable[[Sequence[str]], list[str]]

_MARK = re.compile(r"\\u0000(\d+)\\u0000")


@dataclass(frozen=True)
class _Format:
    """A text with ``%s`` in it, what picks the cells that go there, and the places of those that must not be empty."""

    text: str
    pick: Callable[[list[str]], Any]
    needed: list[int]


def ready(
    patterns: Sequence[Pattern],
    columns: Sequence[str],
    *,
    with_system: bool,
    with_history: bool = False,
    seed: int = 0,
) -> Fill:
    """A function from a row's values to the texts of its samples, one for each pattern that is not passed over.

    The patterns' columns must be among ``columns``. with_system, with_history: whether every sample has that key.
    seed: chooses, with what is in the row, among the paraphrases of a pattern.
    """
    places = _Places(list(patterns), columns)
    choices = [_options(pattern, places, with_system, with_history) for pattern in patterns]
    sources, optional = places.sources, places.optional
    # Most templates are of this kind, and most rows have all their cells.
    simple = [options[0][0] for options in choices if len(options) == len(options[0]) == 1]
    is_simple = len(simple) == len(choices)

    def fill(values: Sequence[str]) -> list[str]:
        # Without quotes: a cell stands within a longer text.
        cells = [quoted(values[place])[1:-1] for place in sources]
        whole = "" not in cells
        for one in optional:
            filled = whole or all(cells[at] for at in one.needed)
            cells.append(one.text % one.pick(cells) if filled else "")
        if is_simple:
            return [
                one.text % one.pick(cells) for one in simple if whole or all(cells[at] for at in one.needed)
            ]
        found = (
            _chosen(options, cells, (seed + number) & 0xFFFFFFFF) for number, options in enumerate(choices)
        )
        return [one.text % one.pick(cells) for one in found if one]

    return fill


def _chosen(options: list[list[_Format]], cells: list[str], seed: int) -> _Format | None:
    """The longest conversation that the row's cells fill, of the first paraphrase that they fill."""
    start = 0
    if len(options) > 1:
        start = crc32("\0".join(cells).encode("utf-8", "surrogatepass"), seed) % len(options)
    for formats in options[start:] + options[:start]:
        for one in formats:
            if all(cells[at] for at in one.needed):
                return one
    return None


class _Places:
    """Where in a row's list of cells each column is, and behind them each optional part, once it is filled."""

    def __init__(self, patterns: Sequence[Pattern], columns: Sequence[str]) -> None:
        texts = [text for pattern in patterns for text in _texts(pattern)]
        self.used = columns_of(*texts)
        self.sources = [columns.index(column) for column in self.used]
        self.optional: list[_Format] = []
        self._optional_at: dict[Optional, int] = {}
        for part in (part for text in texts for part in parse(text) if isinstance(part, Optional)):
            if part not in self._optional_at:
                self._optional_at[part] = len(self.used) + len(self.optional)
                self.optional.append(self._of_part(part))

    def of(self, part: Cell | Optional) -> int:
        """The place of what goes in there."""
        return self._optional_at[part] if isinstance(part, Optional) else self.used.index(part.column)

    def needed(self, *patterns: str) -> list[int]:
        """The places of the cells that must not be empty."""
        return [self.used.index(column) for column in needed_by(*patterns)]

    def _of_part(self, part: Optional) -> _Format:
        text = "".join("%s" if isinstance(one, Cell) else _fixed(one) for one in part.parts)
        order = [self.used.index(column) for column in part.columns]
        return _Format(text, itemgetter(*order), order)


def _texts(pattern: Pattern) -> list[str]:
    after = [text for exchange in pattern.exchanges for text in exchange]
    return [*pattern.instruction, pattern.input, pattern.output, pattern.system or "", *after]


def _options(pattern: Pattern, places: _Places, with_system: bool, with_history: bool) -> list[list[_Format]]:
    """For each paraphrase the conversation with all its exchanges, with one less, and so on."""
    return [
        [
            _ready(pattern, [(question, pattern.output), *pattern.exchanges[:count]], places, with_system, with_history)
            for count in range(len(pattern.exchanges), -1, -1)
        ]
        for question in pattern.instruction
    ]  # fmt: skip


def _ready(
    pattern: Pattern,
    exchanges: list[tuple[str, str]],
    places: _Places,
    with_system: bool,
    with_history: bool,
) -> _Format:
    *before, (question, answer) = exchanges
    sample: dict[str, Any] = {"instruction": question, "input": pattern.input, "output": answer}
    if with_system:
        sample["system"] = pattern.system or ""
    if with_history:
        sample["history"] = [list(exchange) for exchange in before]
    pieces, order = as_pieces(_marked(sample, places))
    needed = places.needed(*(text for exchange in exchanges for text in exchange))
    return _Format(as_format(pieces), itemgetter(*order) if order else lambda _cells: (), needed)


def _marked(value: Any, places: _Places) -> Any:
    """``value`` with patterns as texts that say, between NULs, which cell goes where."""
    if isinstance(value, str):
        return "".join(part if isinstance(part, str) else mark(places.of(part)) for part in parse(value))
    if isinstance(value, dict):
        return {key: _marked(one, places) for key, one in value.items()}
    return [_marked(one, places) for one in value]


def mark(place: int) -> str:
    """A text that stands for what is put in later; no pattern and no cell holds a NUL."""
    return f"\0{place}\0"


def as_pieces(sample: dict[str, Any]) -> tuple[list[str], list[int]]:
    """``samples.as_text`` of a sample with marks in its texts: the pieces around the marks, and the marks' places."""
    parts = _MARK.split(as_text(sample))
    return parts[::2], [int(place) for place in parts[1::2]]


def as_format(pieces: list[str]) -> str:
    """A ``%`` format with ``%s`` between the pieces."""
    return "%s".join(piece.replace("%", "%%") for piece in pieces)


def _fixed(text: str) -> str:
    return quoted(text)[1:-1].replace("%", "%%")
