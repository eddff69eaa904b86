"""Samples to learn and samples to measure on, told apart by what is asked: the same question is always on the same side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.data import dataset, overlay, record, registry, samples
from tarot_tui.data.build import check_name, publishing
from tarot_tui.data.dataset import Conversation
from tarot_tui.data.record import FileReport
from tarot_tui.data.registry import Entry
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project


@dataclass(frozen=True)
class Half:
    """One side: its dataset, its file, how many samples."""

    name: str
    path: Path
    samples: int


def position(conversation: Conversation) -> float:
    """Where a sample stands between 0 and 1, by what the user says in it.

    It stays there when the answer, the system prompt, the form or the dataset around it changes; samples that ask the
    same stand together, so that none is learned and measured on.
    """
    asked = [message["content"] for message in conversation if message["role"] == "user"]
    text = json.dumps(asked, ensure_ascii=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def split(
    project: Project,
    name: str,
    share: float,
    *,
    names: tuple[str, str] | None = None,
    replace: bool = False,
) -> tuple[Half, Half]:
    """Write two datasets of ``name``, in its own form: to learn, and, of about ``share``, to measure on.

    A sample goes to the second when its :func:`position` is below ``share``: it does so in every later split of this
    share or a greater one. names: of the two; ``<name>-train`` and ``<name>-eval`` when None. Edits go with the samples.
    Raises BadInput when one side would be empty.
    """
    if not 0 < share < 1:
        raise BadInput(_("--eval {share:g}: a share is more than 0 and less than 1.").format(share=share))
    both = names or (f"{name}-train", f"{name}-eval")
    if len({name, *both}) < 3:
        raise BadInput(_("The two parts and what they are of need three different names."))
    for one in both:
        check_name(project, one, replace=replace)
    entry = dataset.usable(project, name)
    with ExitStack() as both_or_none:
        halves = [
            both_or_none.enter_context(_written(project, entry, both, share, is_eval))
            for is_eval in (False, True)
        ]
    return halves[0], halves[1]


@contextmanager
def _written(
    project: Project, entry: Entry, names: tuple[str, str], share: float, is_eval: bool
) -> Iterator[Half]:
    """One side as a dataset, which appears when what is done within has succeeded."""
    assert entry.file
    name = names[is_eval]
    path = project.data / f"{name}{entry.file.suffix.lower()}"
    write = samples.write_lines if path.suffix == ".jsonl" else samples.write
    with publishing(project, name, path) as temporary:
        count = write(temporary, _side(project, entry, share, is_eval))
        if not count:
            raise BadInput(_nothing(entry, share, is_eval))
        edits = overlay.path_of(project, entry.name)
        sources = [entry.file, *([edits] if edits.is_file() else [])]
        with record.writing(
            project,
            name,
            path,
            count,
            by="split",
            sources=[FileReport(project.relative(file), sha256=record.sha256(file)) for file in sources],
            named=[entry.name],
            options={"eval": share, "names": list(names)},
        ):
            yield Half(name, path, count)
            raw = registry.read(project)[entry.name]
            registry.register(project, name, raw | {"file_name": path.name})


def _side(project: Project, entry: Entry, share: float, is_eval: bool) -> Iterator[dict[str, Any]]:
    for number, raw in dataset.numbered(project, entry):
        if (position(dataset.as_messages(entry, number, raw)) < share) is is_eval:
            yield raw


def _nothing(entry: Entry, share: float, is_eval: bool) -> str:
    if is_eval:
        text = _("None of the samples of '{name}' falls into a share of {share:g}; choose a larger one.")
    else:
        text = _("All samples of '{name}' fall into a share of {share:g}; choose a smaller one.")
    return text.format(name=entry.name, share=share)
