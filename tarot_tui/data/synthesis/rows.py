"""The rows to be asked about: read from the sources, shown as the prompt says, and known by their hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tarot_tui.data.nearest import nearest
from tarot_tui.data.patterns import columns_of, fill
from tarot_tui.data.sources import Header, Row, Table, collect, tables
from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Item:
    """One row to be asked about.

    number: counted from 1 over all sources. source: relative to the project when inside it. section, row: as in
    :class:`~tarot_tui.data.sources.Row`. sha256: of the cells that the prompt uses, so that a row which only moved is
    the same row. shown: what the writer sees. answer, system: the prompt's patterns, filled; '' without them.
    """

    number: int
    source: str
    section: str
    row: int
    sha256: str
    shown: str
    answer: str
    system: str

    @property
    def mark(self) -> str:
        """A short name that a language model can copy and that a changed row does not keep: ``12-3fa2``."""
        return f"{self.number}-{self.sha256[:4]}"

    @property
    def place(self) -> str:
        """Where a person finds it: ``deck.xlsx Tarot 12``."""
        return " ".join(part for part in (self.source, self.section, str(self.row)) if part)


@dataclass
class Rows:
    """What was read.

    items: each different row once. repeated, empty: how many rows were passed over. files: path → its SHA-256.
    findings: files of a folder that could not be read, and what readers noticed.
    """

    items: list[Item] = field(default_factory=list)
    repeated: int = 0
    empty: int = 0
    files: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read(project: Project, sources: Sequence[Path], prompt: Prompt, where: Path) -> Rows:
    """All rows of the files and folders ``sources`` that ``prompt`` (of the file ``where``) is for.

    Raises BadInput for a file named that cannot be read, and when no table has the columns that the prompt names.
    """
    found = Rows()
    left_out: list[Header] = []
    fitting = 0
    seen: set[str] = set()
    for path in collect(sources):
        # As UTF-8 can hold it: bytes of a name that are none become U+FFFD.
        name = os.fsencode(project.relative(path)).decode("utf-8", "replace")
        try:
            found.files[name] = file_sha256(path)
            for table in tables(path, note=found.findings.append):
                if not _wanted(prompt, table):
                    continue
                if not set(prompt.columns) <= set(table.columns):
                    left_out.append(table.head())
                    continue
                fitting += 1
                _take(found, seen, prompt, table, name)
        except BadInput as error:
            if path in sources:
                raise
            found.findings.append(Finding("data.unreadable", "error", one_line(str(error), 400)))
    if not fitting:
        raise BadInput(_no_table(prompt, where, left_out))
    found.findings += [_left_out(prompt, header) for header in left_out]
    return found


def chosen(items: Sequence[Item], first: int, last: int | None) -> list[Item]:
    """The items numbered ``first`` to ``last`` (None: to the end)."""
    return [item for item in items if first <= item.number and (last is None or item.number <= last)]


def _take(found: Rows, seen: set[str], prompt: Prompt, table: Table, name: str) -> None:
    needed = columns_of(prompt.answer)
    for row in table.rows():
        shown = prompt.shown(row.cells)
        if not shown or not all(row.cells[column] for column in needed):
            found.empty += any(row.cells.values())
            continue
        sha256 = _row_sha256(prompt, row)
        if sha256 in seen:
            found.repeated += 1
            continue
        seen.add(sha256)
        item = Item(
            number=len(found.items) + 1,
            source=name,
            section=row.section,
            row=row.number,
            sha256=sha256,
            shown=shown,
            answer=fill(prompt.answer, row.cells),
            system=fill(prompt.system, row.cells).strip(),
        )
        found.items.append(item)


def _row_sha256(prompt: Prompt, row: Row) -> str:
    used = columns_of(prompt.row, prompt.answer) if prompt.row else [*row.cells]
    cells = [[column, row.cells[column]] for column in used]
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def _wanted(prompt: Prompt, table: Header) -> bool:
    return table.kind != "sheet" or prompt.sheets is None or table.section in prompt.sheets


def _left_out(prompt: Prompt, header: Header) -> Finding:
    column = next(column for column in prompt.columns if column not in header.columns)
    text = _("{place}: left out, there is no column '{column}'.").format(
        place=one_line(f"{header.source.name} {header.section}".strip()), column=one_line(column, 60)
    )
    # Paragraphs and lines have no columns to be misspelt: nobody meant them.
    return Finding("data.table_left_out", "info" if header.kind == "text" else "warning", text)


def _no_table(prompt: Prompt, where: Path, left_out: Sequence[Header]) -> str:
    if not left_out:
        if prompt.sheets is None:
            return _("There is no row in the sources.")
        return _("{file}: none of the sheets {sheets} is in the sources.").format(
            file=where, sheets=one_line(", ".join(prompt.sheets))
        )
    best = min(left_out, key=lambda header: len(set(prompt.columns) - set(header.columns)))
    column = next(column for column in prompt.columns if column not in best.columns)
    near = nearest(column, best.columns, 1)
    hint = _(" (did you mean {names}?)").format(names=f"'{one_line(near[0], 60)}'") if near else ""
    return _("{file}: no column '{column}' in {place}{hint}; there is {columns}.").format(
        file=where,
        column=one_line(column, 60),
        place=one_line(f"{best.source.name} {best.section}".strip()),
        hint=hint,
        columns=one_line(", ".join(best.columns), 300),
    )


def file_sha256(path: Path) -> str:
    """Of a file's bytes. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
