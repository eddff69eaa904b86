"""How rows become samples: patterns over column names, in a small YAML file.

::

    sheets: [Tarot]            # optional: only these sheets of workbooks
    samples:
      - instruction: "What does {Card Name} mean upright?"
        output: "{Upright Meaning}"
        input: ""              # optional
        system: "You read tarot cards."    # optional

``{Column}`` stands for the row's cell, ``{{`` and ``}}`` for braces. Substitution is ours, not ``str.format``: a
template from a stranger can name columns and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tarot_tui.data.sources.table import Header, Row
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import read_yaml
from tarot_tui.text import one_line

Sample = dict[str, str]

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SHOWN_COLUMNS = 30


@lru_cache(maxsize=1000)
def parse(pattern: str) -> tuple[tuple[str, str | None], ...]:
    """``pattern`` as pairs of literal text and the column after it (None at the end).

    Raises ValueError for a brace that neither belongs to a column nor is doubled, and for ``{}``.
    """
    parts: list[tuple[str, str | None]] = []
    literal, position = "", 0
    for token in _TOKEN.finditer(pattern):
        literal += pattern[position : token.start()]
        position = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
        elif column := " ".join((token[1] or "").split()):
            parts.append((literal, column))
            literal = ""
        else:
            raise ValueError(token[0])
    return (*parts, (literal + pattern[position:], None))


def columns_of(*patterns: str) -> list[str]:
    """The columns that the patterns name, each once, in order."""
    named = (column for pattern in patterns for _literal, column in parse(pattern) if column)
    return list(dict.fromkeys(named))


def fill(pattern: str, cells: Mapping[str, str]) -> str:
    """``pattern`` with every ``{Column}`` replaced by its cell. Raises KeyError for a column that is not there."""
    return "".join(literal + (cells[column] if column else "") for literal, column in parse(pattern))


class Pattern(BaseModel):
    """One sample per row: Alpaca's fields as patterns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: str = Field(min_length=1)
    output: str = Field(min_length=1)
    input: str = ""
    system: str = ""

    @field_validator("instruction", "output", "input", "system")
    @classmethod
    def _well_formed(cls, pattern: str) -> str:
        parse(pattern)
        return pattern

    @property
    def columns(self) -> list[str]:
        """The columns that the pattern names."""
        return columns_of(self.instruction, self.input, self.output, self.system)

    def fill(self, cells: Mapping[str, str], *, with_system: bool) -> Sample | None:
        """The row's sample, or None when a column of its question or of its answer is empty.

        with_system: whether the sample has the key ``system``; LLaMA-Factory wants it in all samples or in none.
        """
        if not all(cells[column] for column in columns_of(self.instruction, self.output)):
            return None
        sample = {key: fill(getattr(self, key), cells) for key in ("instruction", "input", "output")}
        if with_system:
            sample["system"] = fill(self.system, cells)
        return sample


class Template(BaseModel):
    """A template file: its patterns, and the sheets it is for (None: all)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sheets: list[str] | None = None
    samples: list[Pattern] = Field(min_length=1)

    @field_validator("sheets", mode="before")
    @classmethod
    def _one_or_more(cls, sheets: Any) -> Any:
        return [sheets] if isinstance(sheets, str) else sheets

    @property
    def has_system(self) -> bool:
        """Whether any pattern has a system prompt."""
        return any(pattern.system for pattern in self.samples)

    def wants(self, header: Header) -> bool:
        """Whether the template is for this table at all: ``sheets`` leaves out other sheets of workbooks."""
        return header.kind != "sheet" or self.sheets is None or header.section in self.sheets

    def fitting(self, header: Header) -> list[Pattern]:
        """The patterns whose columns the table has."""
        if not self.wants(header):
            return []
        return [pattern for pattern in self.samples if set(pattern.columns) <= set(header.columns)]


def load(path: Path) -> Template:
    """Read a template. Raises BadInput that names the file, the pattern, and the key to mend."""
    found = read_yaml(path)
    try:
        return Template.model_validate(found)
    except ValidationError as error:
        raise BadInput(_problem(path, error)) from None


def apply(template: Template, row: Row) -> list[Sample]:
    """The samples of one row of a table that every pattern fits."""
    made = (pattern.fill(row.cells, with_system=template.has_system) for pattern in template.samples)
    return [sample for sample in made if sample]


def check(template: Template, path: Path, headers: Sequence[Header]) -> list[Finding]:
    """Hold the template (from ``path``) against the tables it will be applied to, before any row is read.

    Raises BadInput when a sheet it names is in no workbook, and when a pattern fits no table. A folder may hold other
    documents too: a table that some or all patterns do not fit is a finding.
    """
    _check_sheets(template, path, headers)
    wanted = [header for header in headers if template.wants(header)]
    for number, pattern in enumerate(template.samples, 1):
        if wanted and not any(set(pattern.columns) <= set(header.columns) for header in wanted):
            nearest = min(wanted, key=lambda header: (len(_missing(pattern, header)), header.kind == "text"))
            raise BadInput(_unknown_column(path, number, pattern, nearest))
    return [finding for header in wanted for finding in _left_out(template, header)]


def _missing(pattern: Pattern, header: Header) -> list[str]:
    return [column for column in pattern.columns if column not in header.columns]


def _check_sheets(template: Template, path: Path, headers: Sequence[Header]) -> None:
    sheets = list(dict.fromkeys(header.section for header in headers if header.kind == "sheet"))
    for name in template.sheets or []:
        if name not in sheets:
            raise BadInput(
                _("{file}: no sheet '{name}' in the sources{hint}; there is {sheets}.").format(
                    file=path,
                    name=one_line(name, 60),
                    hint=_hint(name, sheets),
                    sheets=_listed(sheets) or _("no sheet at all"),
                )
            )


def _unknown_column(path: Path, number: int, pattern: Pattern, header: Header) -> str:
    column = _missing(pattern, header)[0]
    shown = [name for name in header.columns if not name.startswith("Unnamed: ")]
    place = f"{header.source.name} '{header.section}'" if header.section else header.source.name
    return _("{file}, pattern {number}: no column '{column}' in {place}{hint}; there is {columns}.").format(
        file=path,
        number=number,
        column=one_line(column, 60),
        place=one_line(place),
        hint=_hint(column, shown),
        columns=_listed(shown) or _("no named column"),
    )


def _left_out(template: Template, header: Header) -> list[Finding]:
    place = one_line(f"{header.source.name} {header.section}".strip())
    fitting = template.fitting(header)
    if not fitting:
        text = _("{place}: left out, no pattern of the template fits its columns.").format(place=place)
        # Paragraphs and lines have no columns to be misspelt: nobody meant them.
        return [Finding("data.table_left_out", "info" if header.kind == "text" else "warning", text)]
    text = _("{place}: pattern {number} left out, there is no column '{column}'.")
    return [
        Finding(
            "data.pattern_left_out",
            "warning",
            text.format(place=place, number=number, column=one_line(_missing(pattern, header)[0], 60)),
        )
        for number, pattern in enumerate(template.samples, 1)
        if pattern not in fitting
    ]


def nearest(name: str, among: Iterable[str], count: int = 2) -> list[str]:
    """Up to ``count`` of ``among`` that ``name`` may have been meant to be, whatever the case of letters."""
    by_folded = {candidate.casefold(): candidate for candidate in among}
    return [by_folded[match] for match in get_close_matches(name.casefold(), by_folded, count, 0.6)]


def _hint(name: str, among: Iterable[str]) -> str:
    near = nearest(name, among)
    if not near:
        return ""
    return _(" (did you mean {names}?)").format(
        names=_(" or ").join(f"'{one_line(one, 60)}'" for one in near)
    )


def _listed(names: Sequence[str]) -> str:
    shown = [one_line(name, 60) for name in names[:_SHOWN_COLUMNS]]
    return ", ".join(shown) + (" …" if len(names) > _SHOWN_COLUMNS else "")


def _problem(path: Path, error: ValidationError) -> str:
    # A misspelt key is also a missing one: the misspelling is what helps.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location, kind = list(first["loc"]), first["type"]
    where = str(path)
    if len(location) > 1 and location[0] == "samples" and isinstance(location[1], int):
        where = _("{file}, pattern {number}").format(file=path, number=location[1] + 1)
    key = one_line(str(location[-1]), 60)
    if kind == "extra_forbidden":
        known = (Pattern if len(location) > 2 else Template).model_fields
        text = _("{where}: unknown key '{key}'{hint}; known keys are {known}.")
        return text.format(where=where, key=key, hint=_hint(key, known), known=", ".join(known))
    if kind == "missing":
        return _("{where}: '{key}' is missing.").format(where=where, key=key)
    if kind == "string_type":
        text = _(
            "{where}: '{key}' must be text; put quotes around it, above all when it begins with a brace."
        )
        return text.format(where=where, key=key)
    if kind == "value_error":
        text = _(
            "{where}: '{key}' has a brace that belongs to no column; write {{Column}} for a cell and double a brace that is meant as one."
        )
        return text.format(where=where, key=key)
    if kind in ("too_short", "string_too_short"):
        return _("{where}: '{key}' is empty.").format(where=where, key=key)
    return f"{where}: '{key}': {one_line(first['msg'])}"
