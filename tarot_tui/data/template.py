"""How rows become samples: patterns over column names, in a small YAML file.

::

    sheets: [Tarot]            # optional: only these sheets of workbooks
    system: "You read tarot cards."        # optional; or system_file: persona.txt, beside the template
    samples:
      - instruction: "What does {Card Name} mean upright[ in {Context}]?"
        output: "{Upright Meaning}"
      - instruction:           # the same question in other words: a sample for each, or paraphrases: one
          - "And {Card Name} reversed?"
          - "What if {Card Name} comes up reversed?"
        output: "{Reversed Meaning}"
        then:                  # optional: what is said after it
          - instruction: "And in love?"
            output: "{Reversed Love Meaning}"

What a pattern may hold is told in :mod:`tarot_tui.data.patterns`. A pattern is passed over for a row in which a column
of its question or answer is empty; a conversation ends before the first of ``then`` of which that is so.

Instead of one sample a row there can be:

``draw``
    beside ``samples``: several rows at a time, see :class:`Draw`.
``chat``
    the rows are what was said, one after the other, see :class:`Chat`.
``cells``
    one sample a cell, see :class:`Cells`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tarot_tui.data.nearest import hint
from tarot_tui.data.patterns import columns_of, literal, needed_by, parse
from tarot_tui.data.sources.table import Header
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import find, read_yaml
from tarot_tui.text import one_line

_LONGEST_SYSTEM = 1_000_000


def _well_formed(pattern: str) -> str:
    # No cell holds a NUL, by which the places of cells are marked when patterns are made ready.
    pattern = pattern.replace("\0", "")
    parse(pattern)
    return pattern


def _one_or_more(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


Text = Annotated[str, AfterValidator(_well_formed)]
Said = Annotated[str, Field(min_length=1), AfterValidator(_well_formed)]
Names = Annotated[list[str], BeforeValidator(_one_or_more), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Exchange(_Part):
    """A question and its answer."""

    instruction: Said
    output: Said


class Pattern(_Part):
    """Alpaca's fields as patterns; ``then``: what is said after it. The system prompt is the template's when None.

    paraphrases: with several instructions, a sample for each (``all``) or for one of them, chosen by the row and the
    template's seed (``one``).
    """

    instruction: Annotated[list[Said], BeforeValidator(_one_or_more), Field(min_length=1)]
    output: Said
    input: Text = ""
    system: Text | None = None
    system_file: str | None = None
    then: list[Exchange] = []
    paraphrases: Literal["all", "one"] = "all"

    @property
    def exchanges(self) -> list[tuple[str, str]]:
        """Every question after the first, with its answer."""
        return [(one.instruction, one.output) for one in self.then]

    @property
    def columns(self) -> list[str]:
        """The columns that the pattern names."""
        after = [text for exchange in self.exchanges for text in exchange]
        return columns_of(*self.instruction, self.input, self.output, self.system or "", *after)

    @property
    def needed(self) -> list[str]:
        """The columns without which a row gives no sample, whichever paraphrase is taken."""
        return needed_by(self.instruction[0], self.output)


class Draw(_Part):
    """Rows in threes, or however many: a spread of cards.

    A pattern then names ``{Card Name #1}``, ``{Card Name #2}``. rows: in one draw, none of them twice. samples: draws
    in all. either: for each row one of these, at random, adds its columns (``{Position #1}``)::

        either:
          - {Position: upright, Meaning: "{Upright Meaning}"}
          - {Position: reversed, Meaning: "{Reversed Meaning}"}
    """

    rows: int = Field(ge=1, le=20)
    samples: int = Field(ge=1, le=1_000_000)
    either: list[dict[str, Text]] = []

    @property
    def columns(self) -> list[str]:
        """The columns that ``either`` names."""
        return columns_of(*(text for option in self.either for text in option.values()))

    @property
    def added(self) -> list[str]:
        """The columns that ``either`` adds."""
        return list(dict.fromkeys(name for option in self.either for name in option))


class Chat(_Part):
    """Rows are what was said, in order.

    conversation: rows with the same one, one below the other, belong together; '' for a table that is one conversation.
    speaker: who says it, one of the names in ``user`` or ``assistant``, whatever the case. text: what is said.
    """

    conversation: Text = ""
    speaker: Said
    text: Said
    user: Names
    assistant: Names

    @property
    def columns(self) -> list[str]:
        """The columns that are named."""
        return columns_of(self.conversation, self.speaker, self.text)


class Cells(_Part):
    """Every cell that holds anything is a sample.

    What can be named is ``{file}``, ``{place}`` (the column, and for another sheet than the first its name before it),
    ``{number}`` (of the row) and ``{cell}``.
    """

    NAMES: ClassVar = ("file", "place", "number", "cell")

    instruction: Said
    output: Said
    input: Text = ""

    @property
    def columns(self) -> list[str]:
        """What is named."""
        return columns_of(self.instruction, self.output, self.input)


class Template(_Part):
    """A template file. sheets: the only ones of workbooks that it is for (None: all). seed: of all that is by chance."""

    sheets: Names | None = None
    system: Text = ""
    system_file: str | None = None
    seed: int = Field(42, ge=0, lt=2**32)
    samples: list[Pattern] | None = Field(None, min_length=1)
    draw: Draw | None = None
    chat: Chat | None = None
    cells: Cells | None = None

    @cached_property
    def numbered(self) -> list[tuple[int, Pattern]]:
        """The patterns of ``samples`` with their numbers from 1, each with the system prompt that holds for it."""
        return [
            (number, pattern.model_copy(update={"system": self.system} if pattern.system is None else {}))
            for number, pattern in enumerate(self.samples or [], 1)
        ]

    @cached_property
    def patterns(self) -> list[Pattern]:
        """Those of :attr:`numbered`, with one for each paraphrase where all are wanted."""
        return [
            pattern.model_copy(update={"instruction": wordings})
            for _number, pattern in self.numbered
            for wordings in (
                [[one] for one in pattern.instruction]
                if pattern.paraphrases == "all"
                else [pattern.instruction]
            )
        ]

    @property
    def has_system(self) -> bool:
        """Whether any sample has a system prompt; LLaMA-Factory wants the key in all or in none."""
        return bool(self.system) or any(pattern.system for pattern in self.patterns)

    @property
    def has_history(self) -> bool:
        """Whether samples may have more than one answer."""
        return self.chat is not None or any(pattern.then for pattern in self.patterns)

    def wants(self, header: Header) -> bool:
        """Whether the template is for this table at all: ``sheets`` leaves out other sheets of workbooks."""
        return header.kind != "sheet" or self.sheets is None or header.section in self.sheets


def load(path: Path) -> Template:
    """Read a template. Raises BadInput that names the file, the pattern, and the key to mend."""
    found = read_yaml(path)
    try:
        template = Template.model_validate(found)
    except ValidationError as error:
        raise BadInput(_problem(path, error)) from None
    _check_kinds(path, template)
    return _with_files(path, template)


def _check_kinds(path: Path, template: Template) -> None:
    """Raise BadInput for keys that do not go together."""
    kinds = [name for name in ("samples", "chat", "cells") if getattr(template, name) is not None]
    if not kinds:
        raise BadInput(_("{where}: '{key}' is missing.").format(where=path, key="samples"))
    clash = kinds[1:] or (["draw"] if template.draw and kinds != ["samples"] else [])
    if clash:
        raise BadInput(
            _("{file}: '{one}' and '{other}' do not go together; remove one of them.").format(
                file=path, one=kinds[0], other=clash[0]
            )
        )
    for number, pattern in enumerate(template.samples or [], 1):
        if pattern.then and pattern.input:
            raise BadInput(
                _("{file}, pattern {number}: with 'then', write the input into the instruction.").format(
                    file=path, number=number
                )
            )
    if template.chat and columns_of(template.system):
        raise BadInput(
            _("{file}: chat: 'system' is the same for all conversations and cannot name a column.").format(
                file=path
            )
        )
    if template.cells:
        for name in [*template.cells.columns, *columns_of(template.system)]:
            if name not in Cells.NAMES:
                raise BadInput(
                    _("{file}: cells: '{name}' is not known{hint}; known are {names}.").format(
                        file=path,
                        name=one_line(name, 60),
                        hint=hint(name, Cells.NAMES),
                        names=", ".join(Cells.NAMES),
                    )
                )


def _with_files(path: Path, template: Template) -> Template:
    """The template with what its ``system_file`` keys name read into ``system``."""
    where = str(path)
    patterns = []
    for number, pattern in enumerate(template.samples or [], 1):
        here = _("{file}, pattern {number}").format(file=path, number=number)
        patterns.append(_with_system(path, pattern, here))
    read = _with_system(path, template, where)
    return read.model_copy(update={"samples": patterns or None})


def _with_system(path: Path, part: Any, where: str) -> Any:
    if part.system_file is None:
        return part
    if part.system:
        raise BadInput(
            _("{file}: '{one}' and '{other}' do not go together; remove one of them.").format(
                file=where, one="system", other="system_file"
            )
        )
    text = _system_text(path.parent, part.system_file, where)
    return part.model_copy(update={"system": literal(text)})


def system_files(path: Path, template: Template) -> list[Path]:
    """The files that the template at ``path`` reads beside itself."""
    parts = [template, *(template.samples or [])]
    named = dict.fromkeys(part.system_file for part in parts if part.system_file)
    return [path.parent / name for name in named]


def _system_text(folder: Path, name: str, where: str) -> str:
    """Raises BadInput unless it is a small text beside the template, or elsewhere in its project."""
    file = (folder / name).resolve()
    if not any(file.is_relative_to(allowed) for allowed in _allowed(folder)):
        raise BadInput(
            _("{where}: system_file: {file} is outside of the project; copy it into it.").format(
                where=where, file=one_line(name, 200)
            )
        )
    try:
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read(_LONGEST_SYSTEM + 1)
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            _("{where}: system_file: {file} cannot be read as UTF-8 text.").format(
                where=where, file=one_line(name, 200)
            )
        ) from None
    if len(text) > _LONGEST_SYSTEM:
        raise BadInput(
            _("{where}: system_file: {file} is too long for a system prompt.").format(
                where=where, file=one_line(name, 200)
            )
        )
    return text.strip().replace("\0", "")


def _allowed(folder: Path) -> list[Path]:
    try:
        return [folder.resolve(), find(folder).root.resolve()]
    except BadInput:
        return [folder.resolve()]


_MODELS: dict[str, type[_Part]] = {
    "samples": Pattern,
    "then": Exchange,
    "draw": Draw,
    "chat": Chat,
    "cells": Cells,
}


def _problem(path: Path, error: ValidationError) -> str:
    # A misspelt key is also a missing one: the misspelling is what helps.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location, kind = list(first["loc"]), first["type"]
    where = str(path)
    if len(location) > 1 and location[0] == "samples" and isinstance(location[1], int):
        where = _("{file}, pattern {number}").format(file=path, number=location[1] + 1)
    names = [str(one) for one in location if not isinstance(one, int)]
    key = one_line(names[-1], 60)
    if kind == "extra_forbidden":
        known = next(
            (_MODELS[name] for name in reversed(names[:-1]) if name in _MODELS), Template
        ).model_fields
        text = _("{where}: unknown key '{key}'{hint}; known keys are {known}.")
        return text.format(where=where, key=key, hint=hint(key, known), known=", ".join(known))
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
