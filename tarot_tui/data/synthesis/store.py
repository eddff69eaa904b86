"""What was answered, kept beside the dataset in ``data/<name>.synth/``: paid once, never asked again.

``answers.jsonl``: a line for each row answered, appended as it comes, from jobs and pastes alike. ``rejects.jsonl``: the
pairs and rows set aside, each with its reason. ``forgotten.jsonl``: answers that were to be asked anew.
``trace.jsonl``: a line for each sample of the dataset, in its order: where it comes from and who wrote it.
``prompts/<hash>.json``: the words behind every prompt hash.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.data.synthesis.reply import Pair
from tarot_tui.data.synthesis.rows import Item
from tarot_tui.errors import Refused
from tarot_tui.jobs import files
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text

ANSWERS = "answers.jsonl"
REJECTS = "rejects.jsonl"
FORGOTTEN = "forgotten.jsonl"
TRACE = "trace.jsonl"


@dataclass(frozen=True)
class By:
    """Who answered. prompt_sha256, model, endpoint ('' for what was pasted), job ('' for what was pasted)."""

    prompt_sha256: str
    model: str
    endpoint: str = ""
    job: str = ""


@dataclass(frozen=True)
class Answered:
    """One row's kept pairs. row_sha256: of the row as it was asked; time: ISO 8601."""

    row_sha256: str
    by: By
    time: str
    pairs: list[Pair]


class Store:
    """The folder of one dataset's answers."""

    def __init__(self, project: Project, name: str) -> None:
        self.folder = project.data / f"{name}.synth"
        self._name = name
        self._lock = project.state / f"synth-{name}.lock"

    @property
    def rejects(self) -> Path:
        """The file with what was set aside."""
        return self.folder / REJECTS

    def begin(self, prompt: Prompt) -> None:
        """Make the folder, and note the prompt's words under its hash."""
        prompts = self.folder / "prompts"
        prompts.mkdir(parents=True, exist_ok=True)
        note = prompts / f"{prompt.sha256}.json"
        if not note.exists():
            write_text(note, json.dumps(prompt.model_dump(), ensure_ascii=False, indent=2) + "\n")
        for name in (ANSWERS, REJECTS):
            _close_last_line(self.folder / name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes while the block runs. Raises Refused when somebody does."""
        self._lock.parent.mkdir(exist_ok=True)
        with open(self._lock, "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refused(
                    _("'{name}' is being written by another job.").format(name=self._name)
                ) from None
            yield

    def answered(self, prompt_sha256: str) -> dict[str, Answered]:
        """Row hash → what was answered to this prompt; of several answers the latest. A damaged line counts as none."""
        found = (_answered(line) for line in _lines(self.folder / ANSWERS))
        return {one.row_sha256: one for one in found if one and one.by.prompt_sha256 == prompt_sha256}

    def of_other_prompts(self, prompt_sha256: str) -> int:
        """How many rows were answered to other prompts only: they are kept here and are not in the dataset."""
        rows: dict[str, bool] = {}
        for one in filter(None, map(_answered, _lines(self.folder / ANSWERS))):
            rows[one.row_sha256] = rows.get(one.row_sha256, False) or one.by.prompt_sha256 == prompt_sha256
        return sum(not known for known in rows.values())

    def given_up(self, job: str) -> set[str]:
        """The hashes of rows that ``job`` has given up on."""
        return {
            str(line.get("row_sha256"))
            for line in _lines(self.rejects)
            if line.get("job") == job and line.get("given_up")
        }

    def failed(self, job: str) -> set[str]:
        """The hashes of rows that the server failed on when ``job`` asked, which another attempt may try."""
        return {
            str(line.get("row_sha256"))
            for line in _lines(self.rejects)
            if line.get("job") == job and line.get("reason") == "declined" and not line.get("given_up")
        }

    def forget(self, prompt_sha256: str, rows: set[str]) -> None:
        """Move what was answered to this prompt for these rows (their hashes) to ``forgotten.jsonl``: to be asked anew."""
        path = self.folder / ANSWERS
        kept = []
        for line in _lines(path):
            if line.get("prompt_sha256") == prompt_sha256 and line.get("row_sha256") in rows:
                files.append_json(self.folder / FORGOTTEN, line)
            else:
                kept.append(line)
        if path.exists():
            write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))

    def keep(self, item: Item, by: By, pairs: list[Pair], **facts: Any) -> None:
        """Append one row's pairs; ``facts`` such as its tokens. Raises OSError."""
        said = [{"question": pair.question, "answer": pair.answer} for pair in pairs]
        files.append_json(self.folder / ANSWERS, {**_about(item, by), "pairs": said, **facts})

    def reject(self, item: Item, by: By, reason: str, *, given_up: bool = False, **facts: Any) -> None:
        """Append what was set aside, with its reason (a key of :data:`judge.REASONS`)."""
        line = {**_about(item, by), "reason": reason, "given_up": given_up, **facts}
        files.append_json(self.rejects, line)


def _about(item: Item, by: By) -> dict[str, Any]:
    return {
        "source": item.source,
        "section": item.section,
        "row": item.row,
        "row_sha256": item.sha256,
        "prompt_sha256": by.prompt_sha256,
        "model": by.model,
        "endpoint": by.endpoint,
        "job": by.job,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def trace(item: Item, answered: Answered) -> dict[str, Any]:
    """Where a sample comes from: the row where it is now, and who wrote the sample when."""
    return {**_about(item, answered.by), "time": answered.time}


def _answered(line: dict[str, Any]) -> Answered | None:
    try:
        pairs = [Pair(str(pair["question"]), str(pair["answer"])) for pair in line["pairs"]]
        by = By(*(str(line[key]) for key in ("prompt_sha256", "model", "endpoint", "job")))
        return Answered(str(line["row_sha256"]), by, str(line["time"]), pairs) if pairs else None
    except (KeyError, TypeError):
        return None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(found, dict):
                    yield found
    except FileNotFoundError:
        return


def _close_last_line(path: Path) -> None:
    """After a power cut half a line may be last; what is appended must not become a part of it."""
    try:
        with open(path, "rb+") as file:
            if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")
    except FileNotFoundError:
        return
