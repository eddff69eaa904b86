"""JSON: a list of objects, or an object a line, as a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from tarot_tui.data import samples
from tarot_tui.data.sources import headings
from tarot_tui.data.sources.table import Note, Reading, Table, clean, shown
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

_PREVIEW_OBJECTS = 200
# JSON can write half of a UTF-16 pair; no text holds one.
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table, its columns the keys of all objects in the order of their first appearance."""
    objects = _objects(path)
    keys = _keys(path, islice(objects, _PREVIEW_OBJECTS) if reading.preview else objects)
    if keys:
        columns = headings.name_columns(path, keys)
        yield Table(path, "", columns, "grid", values=_values(path, keys))


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from samples.read(path)
    except ValueError as error:  # a number of more digits than Python takes
        raise BadInput(
            _("{file}: not valid JSON: {problem}.").format(file=shown(path), problem=one_line(str(error), 80))
        ) from None


def _keys(path: Path, objects: Iterable[Mapping[str, Any]]) -> list[str]:
    keys: dict[str, None] = {}
    for one in objects:
        keys |= dict.fromkeys(one)
        if len(keys) > headings.MOST_COLUMNS:
            break
    return list(keys)


def _values(path: Path, keys: list[str]) -> Iterator[list[str]]:
    for one in _objects(path):
        yield [as_text(one.get(key)) for key in keys]


def as_text(value: Any) -> str:
    """A value as text: text as it is, null as nothing, everything else as JSON."""
    if isinstance(value, str):
        return clean(_HALF_A_CHARACTER.sub("\ufffd", value))
    return "" if value is None else as_text(json.dumps(value, ensure_ascii=False, default=str))
