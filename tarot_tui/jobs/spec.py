"""What a job is asked to do: its folder and ``job.yaml``, written once by whoever makes it.

Keys of ``job.yaml``: ``kind``, ``title``, ``argv``, ``env``, ``request``, ``total``, ``created``, ``versions``, and what
the maker adds. The supervisor reads these too when they are there, all in seconds: ``stop_grace`` (how long a worker
may take to save and stop), ``term_grace`` (from SIGTERM to SIGKILL after that).
"""

from __future__ import annotations

import itertools
import platform
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tarot_tui import __version__
from tarot_tui.errors import BadInput
from tarot_tui.jobs.files import SPEC
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml, write_text

#: Packages whose version explains a result; recorded when installed, never imported.
_PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "safetensors")


def create(
    project: Project,
    kind: str,
    slug: str,
    argv: list[str],
    request: dict[str, Any],
    env: dict[str, str] | None = None,
    total: int | None = None,
    **extra: Any,
) -> Path:
    """Make ``jobs/<yyyymmdd-hhmmss>-<slug>/`` with its ``job.yaml`` and return the folder; nothing is started.

    kind: what room it belongs to (``train``, ``export``). slug: any text, made fit for a file name.
    argv: the worker's command; in each word ``{job}`` becomes the folder and ``{python}`` the Python that starts
    the job. Nothing relative in it survives, since the worker runs inside the folder.
    request: what was asked, JSON-ready, for the worker. env: added to the environment that the launcher has;
    it is stored, so no secrets. total: the number of steps if known beforehand.
    """
    import yaml

    folder = _new_folder(project, slug, kind)
    spec = {
        "kind": kind,  # first, where kind_of() looks for it
        "title": extra.pop("title", slug),
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "argv": [str(word) for word in argv],
        "env": dict(env or {}),
        "total": total,
        **extra,
        "request": request,
        "versions": _versions(),
    }
    try:
        write_text(folder / SPEC, yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))
    except BaseException:
        folder.rmdir()
        raise
    return folder


def read_spec(folder: Path) -> dict[str, Any]:
    """The contents of ``job.yaml``. Raises BadInput when it is missing or broken."""
    found = read_yaml(folder / SPEC)
    argv = found.get("argv")
    if not isinstance(argv, list) or not argv:
        raise BadInput(
            _("{file}: 'argv' must be a list with the command of the job.").format(file=folder / SPEC)
        )
    return found


def read_head(folder: Path) -> dict[str, Any]:
    """What stands before ``argv`` in ``job.yaml``: kind, title, created. {} when it is missing or broken.

    A list of hundreds of runs shows no more of them, and YAML is slow to read.
    """
    import yaml

    try:
        with open(folder / SPEC, encoding="utf-8") as file:
            lines = itertools.takewhile(lambda line: not line.startswith("argv:"), itertools.islice(file, 20))
            found = yaml.safe_load("".join(lines))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def rewrite(folder: Path, **changes: Any) -> None:
    """Replace keys of ``job.yaml``. Only for a job that does not run, by whoever holds its lock. Raises as :func:`read_spec`."""
    import yaml

    spec = {**read_spec(folder), **changes}
    write_text(folder / SPEC, yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))


def kind_of(folder: Path) -> str:
    """The job's kind; empty when ``job.yaml`` is missing or broken. Reads one line of it, not the whole request."""
    try:
        with open(folder / SPEC, encoding="utf-8") as file:
            found = re.match(r"kind: *['\"]?([\w-]+)", file.readline(200))
    except (OSError, ValueError):
        return ""
    return found.group(1) if found else ""


def _new_folder(project: Project, slug: str, kind: str) -> Path:
    name = re.sub(r"[^\w.+-]+", "-", slug).strip("-.+_") or kind
    name = name.encode()[:80].decode(errors="ignore")
    project.jobs.mkdir(exist_ok=True)
    taken = {entry.name[:15] for entry in project.jobs.iterdir()}
    moment = datetime.now()
    # Names sort by age, also those made within one second: the later one takes the next free second.
    while True:
        stamp = f"{moment:%Y%m%d-%H%M%S}"
        folder = project.jobs / f"{stamp}-{name}"
        if stamp not in taken:
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                pass
        moment += timedelta(seconds=1)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"tarot-tui": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
