"""A template applied to tables: the texts of the samples, as they stand in the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

from tarot_tui.data import cells, chat_log, drawing, filling, samples
from tarot_tui.data.fitting import fits, fitting
from tarot_tui.data.patterns import fill
from tarot_tui.data.sources.table import Header, Row, Table
from tarot_tui.data.template import Template
from tarot_tui.findings import Finding

_Note = Callable[[Finding], None]


class Counts(Protocol):
    """What is counted on the way: rows that hold anything, samples made, and samples left out for an empty cell."""

    rows: int
    samples: int
    left_out: int


def texts(
    template: Template,
    table: Table,
    counts: Counts,
    note: _Note,
    *,
    with_system: bool | None = None,
    with_history: bool | None = None,
) -> Iterator[list[str]]:
    """The samples of ``table`` as ``samples.as_text`` makes them, those of a row at once. The table is read once.

    ``note`` hears what a chat log left out. with_system, with_history: whether all samples have that key, as all of a
    file must; None: if the template needs it.
    """
    if not fits(template, table):
        return
    table = replace(table, values=_counted(table.values, counts))
    keys = {
        "with_system": template.has_system if with_system is None else with_system,
        "with_history": template.has_history if with_history is None else with_history,
    }
    if template.cells:
        every = cells.texts(template, table, **keys)
    elif template.chat:
        every = _conversations(template, table, counts, note, keys)
    else:
        every = _filled(template, table, counts, keys)
    for made in every:
        counts.samples += len(made)
        yield made


def _counted(values: Iterable[Sequence[str]], counts: Counts) -> Iterator[Sequence[str]]:
    for row in values:
        if any(row):
            counts.rows += 1
        yield row


def _filled(template: Template, table: Table, counts: Counts, keys: dict[str, bool]) -> Iterator[list[str]]:
    patterns = fitting(template, table)
    if template.draw:
        table = drawing.drawn(template, table)
    fill_row = filling.ready(patterns, table.columns, seed=template.seed, **keys)
    for values in table.values:
        made = fill_row(values)
        counts.left_out += len(patterns) - len(made)
        yield made


def _conversations(
    template: Template, table: Table, counts: Counts, note: _Note, keys: dict[str, bool]
) -> Iterator[list[str]]:
    assert template.chat
    system = {"system": fill(template.system, {})}
    for sample in chat_log.conversations(template.chat, table, note):
        if sample is None:
            counts.left_out += 1
            continue
        yield [samples.as_text(samples.alpaca(sample | system, **keys))]


@dataclass(frozen=True)
class Skipped:
    """A pattern (counted from 1, as in the file) that makes nothing of a row, and the columns that are empty there."""

    pattern: int
    row: int
    columns: list[str]


@dataclass
class Preview:
    """samples: the first, as Alpaca. skipped: what was passed over for an empty cell before them. rows: how many were read.

    findings: what is to be said besides.
    """

    samples: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rows: int = 0
    left_out: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The fields, JSON-ready."""
        return asdict(self)


@dataclass
class _Counted:
    rows: int = 0
    samples: int = 0
    left_out: int = 0


def preview(template: Template, header: Header, rows: Sequence[Row], limit: int) -> Preview:
    """The first ``limit`` samples that ``template`` makes of ``rows`` of one table, and what it passes over until then.

    No more rows are looked at than are needed.
    """
    found, counted, ahead = Preview(), _Counted(), iter(rows)
    table = Table(
        header.source, header.section, header.columns, header.kind, header.main, header.context,
        values=([row.cells[column] for column in header.columns] for row in ahead),
    )  # fmt: skip
    made = texts(template, table, counted, found.findings.append)
    found.samples = [json.loads(text) for text in islice((one for some in made for one in some), limit)]
    found.rows, found.left_out = counted.rows, counted.left_out
    if not template.draw:
        looked_at = rows[: len(rows) - len(list(ahead))]
        columns = set(header.columns)
        found.skipped = [
            Skipped(number, row.number, empty)
            for row in looked_at
            for number, pattern in template.numbered
            if set(pattern.columns) <= columns
            and (empty := [column for column in pattern.needed if not row.cells[column]])
        ]
    return found
