"""What a dataset was made of: ``data/<name>.build.json``, by which a rebuild is known to be due."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, replacing


@dataclass
class FileReport:
    """What became of one source: rows that hold anything, samples made, and pattern × row left out as empty.

    problem: the sentence that says why it could not be read, or not to its end; empty when it was.
    """

    path: str
    rows: int = 0
    samples: int = 0
    left_out: int = 0
    sha256: str = ""
    problem: str = ""


def path_of(project: Project, name: str) -> Path:
    """Where the making of ``name`` is noted."""
    return project.data / f"{name}.build.json"


def read(project: Project, name: str) -> dict[str, Any]:
    """The note about ``name``, empty when there is none that can be read.

    Keys: ``name``, ``built`` (ISO 8601, UTC), ``samples``, ``by`` (the verb: ``build``, ``convert``, ``split``,
    ``synth``; absent in old notes), ``file`` (the data file's name), ``template`` (null, or ``path``, ``sha256``,
    ``ready`` and ``files``), ``sources`` (:class:`FileReport`), ``named`` (the files and folders as they were asked
    for) and ``options``. Paths are relative to the project when inside it.
    """
    try:
        found = json.loads(path_of(project, name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def writing(
    project: Project,
    name: str,
    file: Path,
    samples: int,
    *,
    by: str,
    sources: Sequence[FileReport],
    named: Sequence[str],
    options: dict[str, Any],
    template: dict[str, Any] | None = None,
) -> Iterator[None]:
    """Note what ``name`` was made of; see :func:`read`. The note appears when what is done within has succeeded."""
    noted = {
        "name": name,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "samples": samples,
        "by": by,
        "file": file.name,
        "template": template,
        "sources": [asdict(one) for one in sources],
        "named": list(named),
        "options": options,
    }
    with replacing(path_of(project, name)) as temporary:
        temporary.write_text(json.dumps(noted, ensure_ascii=False, indent=2) + "\n", "utf-8")
        yield


def sha256(path: Path) -> str:
    """The hash of a file. Raises BadInput when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None
