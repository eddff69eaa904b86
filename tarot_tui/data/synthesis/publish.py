"""The answers of a store as a registered dataset, with a trace line for every sample."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import Any

from tarot_tui.data import record, registry, samples
from tarot_tui.data.build import check_name
from tarot_tui.data.record import FileReport
from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.data.synthesis.reply import Pair
from tarot_tui.data.synthesis.rows import Item, Rows, file_sha256
from tarot_tui.data.synthesis.store import TRACE, Answered, Store, trace
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, replacing, write_text

Sample = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """path: the data file. samples: how many, of how many rows."""

    path: Path
    samples: int
    rows: int


def check(project: Project, name: str, *, replace: bool) -> None:
    """Raise BadInput unless the dataset ``name`` may be written; what was written here before may be."""
    if name.endswith(".synth"):
        raise BadInput(_("'{name}' is a name that tarot-tui needs itself; choose another.").format(name=name))
    check_name(project, name, replace=replace or Store(project, name).folder.is_dir())


def publish(project: Project, name: str, prompt: Prompt, prompt_file: Path, rows: Rows) -> Published:
    """Write and register the dataset ``name`` of the rows that are answered, in their order.

    Raises BadInput when none is.
    """
    store = Store(project, name)
    answered = store.answered(prompt.sha256)
    told = [(item, answered[item.sha256]) for item in rows.items if item.sha256 in answered]
    if not told:
        raise BadInput(_("No row is answered, so no dataset was written."))
    path = project.data / f"{name}.json"
    count = sum(len(one.pairs) for _item, one in told)
    with replacing(store.folder / TRACE) as traced:
        _write_lines(traced, _traces(told))
        with replacing(path) as temporary:
            samples.write_texts(temporary, _texts(prompt, told))
            noted = _record(project, name, prompt_file, rows, told)
            write_text(record.path_of(project, name), json.dumps(noted, ensure_ascii=False, indent=2) + "\n")
            registry.register(project, name, _entry(prompt, path.name))
    return Published(path, count, len(told))


def _texts(prompt: Prompt, told: Iterable[tuple[Item, Answered]]) -> Iterator[list[str]]:
    """The samples of each row as they stand in the file."""
    make = _openai if prompt.layout == "openai" else _alpaca
    for item, answered in told:
        # LLaMA-Factory wants the system prompt in all samples or in none: the prompt file decides, not the row.
        system = item.system if prompt.system else None
        made = [make(pair, item.answer or pair.answer, system) for pair in answered.pairs]
        yield ["\n" + indent(json.dumps(sample, ensure_ascii=False, indent=2), "  ") for sample in made]


def _alpaca(pair: Pair, answer: str, system: str | None) -> Sample:
    sample = {"instruction": pair.question, "input": "", "output": answer}
    return sample if system is None else sample | {"system": system}


def _openai(pair: Pair, answer: str, system: str | None) -> Sample:
    turns = [{"role": "user", "content": pair.question}, {"role": "assistant", "content": answer}]
    return {"messages": [{"role": "system", "content": system}, *turns] if system else turns}


def _entry(prompt: Prompt, file_name: str) -> dict[str, Any]:
    if prompt.layout == "openai":
        return registry.messages(file_name)
    return registry.alpaca(file_name, system=bool(prompt.system))


def _traces(told: Iterable[tuple[Item, Answered]]) -> Iterator[Sample]:
    number = 0
    for item, answered in told:
        for _pair in answered.pairs:
            number += 1
            yield {"sample": number, **trace(item, answered)}


def _record(
    project: Project, name: str, prompt_file: Path, rows: Rows, told: Sequence[tuple[Item, Answered]]
) -> dict[str, Any]:
    """What :func:`tarot_tui.data.record.read` describes, without a template but with ``prompt``: ``path`` and
    ``sha256`` of the file, and ``prompt_sha256`` of what it says, by which answers are known."""
    files = {path: FileReport(path, sha256=sha256) for path, sha256 in rows.files.items()}
    for item in rows.items:
        files[item.source].rows += 1
    for item, answered in told:
        files[item.source].samples += len(answered.pairs)
    return {
        "name": name,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "samples": sum(file.samples for file in files.values()),
        "template": None,
        "prompt": {
            "path": project.relative(prompt_file),
            "sha256": file_sha256(prompt_file) if prompt_file.is_file() else "",
            "prompt_sha256": told[0][1].by.prompt_sha256,
        },
        "sources": [asdict(file) for file in files.values()],
    }


def _write_lines(path: Path, values: Iterable[Sample]) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
