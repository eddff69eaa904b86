"""The prompt file: what a language model is told, so that it writes samples out of a row.

::

    layout: openai             # or alpaca: how the dataset is laid out
    per_row: 3                 # question and answer pairs for each row
    sheets: [Tarot]            # optional: only these sheets of workbooks
    system: You read tarot cards.     # optional: the system prompt of every sample
    writer: |                  # what the model that writes is told
      Write questions that people ask a tarot reader, and the reader's answers.
    row: |                     # optional: how a row is shown to it (default: every cell that holds anything)
      Card: {Card Name}
      Upright: {Upright Meaning}
    answer: "{Upright Meaning}"       # optional: the answer is this, and only questions are written
    temperature: 0.8           # optional: sent along when given
    max_tokens: 1200           # the longest reply to one row

``{Column}`` stands for the row's cell as in templates. A line of ``row`` whose columns are all empty is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tarot_tui.data.patterns import columns_of, fill, parse
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml
from tarot_tui.text import one_line

Message = dict[str, str]

#: What follows the writer's own words. Not translated: it is part of the prompt, whose hash must not depend on who asks.
_REPLY = 'Reply with JSON only, no other text: {{"samples": [{shape}, …]}} with exactly {count} in the list.'
_PASTE_REPLY = (
    'Reply with one JSON list and nothing else: [{{"row": "1-ab12", {shape}}}, …]. Write {count} for each row below, '
    'and copy the row\'s mark (such as 1-ab12) into "row" unchanged.'
)
_SHAPES = {True: '"question": "…"', False: '"question": "…", "answer": "…"'}


class Prompt(BaseModel):
    """A prompt file; see the module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    writer: str = Field(min_length=1)
    layout: Literal["alpaca", "openai"] = "alpaca"
    per_row: int = Field(default=1, ge=1, le=50)
    sheets: list[str] | None = None
    system: str = ""
    row: str = ""
    answer: str = ""
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int = Field(default=1000, ge=16, le=200_000)

    @field_validator("sheets", mode="before")
    @classmethod
    def _one_or_more(cls, sheets: Any) -> Any:
        return [sheets] if isinstance(sheets, str) else sheets

    @field_validator("row", "answer", "system")
    @classmethod
    def _well_formed(cls, pattern: str) -> str:
        parse(pattern)
        return pattern

    @property
    def columns(self) -> list[str]:
        """The columns that the prompt names; empty when it shows whole rows."""
        return columns_of(self.row, self.answer, self.system)

    @property
    def only_questions(self) -> bool:
        """Whether the answers come from the row."""
        return bool(self.answer)

    @property
    def sha256(self) -> str:
        """Of everything that shapes what is written. Layout, system prompt and sampling may change without asking anew."""
        shaping = [self.writer, self.row, self.answer, self.per_row, _REPLY]
        return hashlib.sha256(json.dumps(shaping, ensure_ascii=False).encode()).hexdigest()

    def shown(self, cells: Mapping[str, str]) -> str:
        """A row as the writer sees it; '' when nothing of it would be seen."""
        if not self.row:
            return "\n".join(f"{column}: {text}" for column, text in cells.items() if text)
        if not any(cells[column] for column in columns_of(self.row)):
            return ""
        lines = (line for line in self.row.splitlines() if _says_something(line, cells))
        return "\n".join(fill(line, cells) for line in lines).strip()

    def messages(self, shown: str) -> list[Message]:
        """What is sent for one row."""
        shape = "{" + _SHAPES[self.only_questions] + "}"
        rules = _REPLY.format(shape=shape, count=self.per_row)
        return [
            {"role": "system", "content": f"{self.writer.strip()}\n\n{rules}"},
            {"role": "user", "content": shown},
        ]

    def to_paste(self, marked: Mapping[str, str]) -> str:
        """One text for several rows, to be pasted into a chat by hand; ``marked`` maps a row's mark to how it is shown."""
        rules = _PASTE_REPLY.format(shape=_SHAPES[self.only_questions], count=self.per_row)
        rows = (f"### {mark}\n{shown}" for mark, shown in marked.items())
        return "\n\n".join([self.writer.strip(), rules, *rows]) + "\n"

    def schema(self) -> dict[str, Any]:
        """The reply's JSON schema, within what OpenAI's strict mode knows."""
        keys = ["question"] if self.only_questions else ["question", "answer"]
        pair = {
            "type": "object",
            "properties": {key: {"type": "string"} for key in keys},
            "required": keys,
            "additionalProperties": False,
        }
        pairs = {"type": "array", "items": pair, "minItems": self.per_row, "maxItems": self.per_row}
        return {
            "type": "object",
            "properties": {"samples": pairs},
            "required": ["samples"],
            "additionalProperties": False,
        }


def load(path: Path, **instead: Any) -> Prompt:
    """Read a prompt file; ``instead`` holds values that go before its own, None where there is none.

    Raises BadInput that names the file and the key.
    """
    found = read_yaml(path) | {key: value for key, value in instead.items() if value is not None}
    try:
        return Prompt.model_validate(found)
    except ValidationError as error:
        raise BadInput(_problem(path, error)) from None


def find(project: Project, path: Path) -> Path:
    """The prompt file as named, or of that name in the project's ``prompts/``."""
    if path.exists():
        return path
    for candidate in (project.prompts / path, project.prompts / f"{path}.yaml"):
        if candidate.is_file():
            return candidate
    return path


def _says_something(line: str, cells: Mapping[str, str]) -> bool:
    columns = columns_of(line)
    return not columns or any(cells[column] for column in columns)


def _problem(path: Path, error: ValidationError) -> str:
    # A misspelt key is also a missing one: the misspelling is what helps.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key, kind = one_line(str(first["loc"][0]), 60), first["type"]
    if kind == "extra_forbidden":
        known = ", ".join(Prompt.model_fields)
        return _("{file}: unknown key '{key}'; known keys are {known}.").format(
            file=path, key=key, known=known
        )
    if kind == "missing":
        return _("{file}: '{key}' is missing.").format(file=path, key=key)
    if kind == "value_error":
        text = _(
            "{file}: '{key}' has a brace that belongs to no column; write {{Column}} for a cell and double a brace that is meant as one."
        )
        return text.format(file=path, key=key)
    return _("{file}: '{key}': {problem}.").format(file=path, key=key, problem=one_line(first["msg"]))
