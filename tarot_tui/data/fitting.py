"""Which parts of a template fit a table, and what is to be said about those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tarot_tui.data.nearest import hint
from tarot_tui.data.sources.table import Header
from tarot_tui.data.template import Pattern, Template
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

_SHOWN_COLUMNS = 30


def drawn_columns(template: Template, columns: Sequence[str]) -> list[str]:
    """The columns of a draw: those of each of its rows in turn, ``Card Name #1 … Card Name #2 …``."""
    draw = template.draw
    assert draw
    return [f"{name} #{number}" for number in range(1, draw.rows + 1) for name in [*columns, *draw.added]]


def fitting(template: Template, header: Header) -> list[Pattern]:
    """The patterns of ``samples`` whose columns the table has."""
    if not template.wants(header) or (template.draw and _missing(template.draw.columns, header)):
        return []
    seen = _as_seen(template, header)
    return [pattern for pattern in template.patterns if not _missing(pattern.columns, seen)]


def fits(template: Template, header: Header) -> bool:
    """Whether the template makes anything of the table."""
    if template.samples:
        return bool(fitting(template, header))
    return template.wants(header) and not (template.chat and _missing(template.chat.columns, header))


def check(template: Template, path: Path, headers: Sequence[Header]) -> list[Finding]:
    """Hold the template (from ``path``) against the tables it will be applied to, before any row is read.

    Raises BadInput when a sheet it names is in no workbook, and when a part of it fits no table. A folder may hold
    other documents too: a table that some or all parts do not fit is a finding.
    """
    _check_sheets(template, path, headers)
    wanted = [header for header in headers if template.wants(header)]
    for where, columns, is_drawn in _parts(template, path):
        seen = [_as_seen(template, header) if is_drawn else header for header in wanted]
        if seen and all(_missing(columns, header) for header in seen):
            best = min(seen, key=lambda header: (len(_missing(columns, header)), header.kind == "text"))
            raise BadInput(_unknown_column(where, columns, best))
    return [finding for header in wanted for finding in _left_out(template, header)]


def _parts(template: Template, path: Path) -> list[tuple[str, list[str], bool]]:
    """Where each part stands, the columns it names, and whether they are those of a draw."""
    parts: list[tuple[str, list[str], bool]] = []
    if template.draw:
        parts.append((f"{path}, draw", template.draw.columns, False))
    if template.chat:
        parts.append((f"{path}, chat", template.chat.columns, False))
    for number, pattern in template.numbered:
        where = _("{file}, pattern {number}").format(file=path, number=number)
        parts.append((where, pattern.columns, template.draw is not None))
    return parts


def _as_seen(template: Template, header: Header) -> Header:
    """The table as the patterns see it."""
    if not template.draw:
        return header
    return replace(header, columns=tuple(drawn_columns(template, header.columns)))


def _missing(columns: Sequence[str], header: Header) -> list[str]:
    return [column for column in columns if column not in header.columns]


def _check_sheets(template: Template, path: Path, headers: Sequence[Header]) -> None:
    sheets = list(dict.fromkeys(header.section for header in headers if header.kind == "sheet"))
    for name in template.sheets or []:
        if name not in sheets:
            raise BadInput(
                _("{file}: no sheet '{name}' in the sources{hint}; there is {sheets}.").format(
                    file=path,
                    name=one_line(name, 60),
                    hint=hint(name, sheets),
                    sheets=_listed(sheets) or _("no sheet at all"),
                )
            )


def _unknown_column(where: str, columns: Sequence[str], header: Header) -> str:
    column = _missing(columns, header)[0]
    shown = [name for name in header.columns if not name.startswith("Unnamed: ")]
    place = f"{header.source.name} '{header.section}'" if header.section else header.source.name
    return _("{where}: no column '{column}' in {place}{hint}; there is {columns}.").format(
        where=where,
        column=one_line(column, 60),
        place=one_line(place),
        hint=hint(column, shown),
        columns=_listed(shown) or _("no named column"),
    )


def _left_out(template: Template, header: Header) -> list[Finding]:
    place = one_line(f"{header.source.name} {header.section}".strip())
    if not fits(template, header):
        text = _("{place}: left out, no pattern of the template fits its columns.").format(place=place)
        # Paragraphs and lines have no columns to be misspelt: nobody meant them.
        return [Finding("data.table_left_out", "info" if header.kind == "text" else "warning", text)]
    seen = _as_seen(template, header)
    text = _("{place}: pattern {number} left out, there is no column '{column}'.")
    return [
        Finding(
            "data.pattern_left_out",
            "warning",
            text.format(place=place, number=number, column=one_line(missing[0], 60)),
        )
        for number, pattern in template.numbered
        if (missing := _missing(pattern.columns, seen))
    ]


def _listed(names: Sequence[str]) -> str:
    shown = [one_line(name, 60) for name in names[:_SHOWN_COLUMNS]]
    return ", ".join(shown) + (" …" if len(names) > _SHOWN_COLUMNS else "")
