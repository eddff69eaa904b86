"""The project folder: find it, create it, name things in it safely, write to it atomically."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

FILE = "tarot.yaml"
FOLDERS = ("sources", "data", "templates", "prompts", "recipes", "jobs", "models")
_NAME = re.compile(r"[\w][\w.+-]*", re.UNICODE)
_KEYS = {"version", "language", "alerts", "python"}
#: In the environment of our processes: the Python that does the work, where it is not the one that draws the screens.
PYTHON = "TAROT_TUI_PYTHON"


@dataclass(frozen=True)
class Project:
    """A folder with ``tarot.yaml``. Every path stored in it is relative, so it can be moved whole."""

    root: Path

    @property
    def sources(self) -> Path:
        """Input documents: ``sources/``."""
        return self.root / "sources"

    @property
    def data(self) -> Path:
        """Datasets and their registry: ``data/``, ``data/dataset_info.json``."""
        return self.root / "data"

    @property
    def templates(self) -> Path:
        """How rows become samples: ``templates/*.yaml``."""
        return self.root / "templates"

    @property
    def prompts(self) -> Path:
        """What a language model is told when it writes samples: ``prompts/*.yaml``."""
        return self.root / "prompts"

    @property
    def recipes(self) -> Path:
        """What to train: ``recipes/*.yaml``."""
        return self.root / "recipes"

    @property
    def jobs(self) -> Path:
        """One folder per long piece of work: ``jobs/<id>/``."""
        return self.root / "jobs"

    @property
    def models(self) -> Path:
        """Releases: ``models/<name>/``."""
        return self.root / "models"

    @property
    def state(self) -> Path:
        """Conveniences that may be deleted at any time: ``.tarot/``."""
        return self.root / ".tarot"

    def settings(self) -> dict[str, Any]:
        """The contents of ``tarot.yaml``. Raises BadInput for broken YAML or an unknown key."""
        path = self.root / FILE
        found = read_yaml(path)
        if unknown := set(found) - _KEYS:
            raise BadInput(
                _("{file}: unknown key '{key}'; known keys are {known}.").format(
                    file=path, key=one_line(str(min(unknown, key=str))), known=", ".join(sorted(_KEYS))
                )
            )
        return found

    def adopt_python(self) -> None:
        """Let the work of this process and its children run in the Python that ``tarot.yaml`` names, if any.

        Raises BadInput when it is not there.
        """
        named = self.settings().get("python")
        if not named:
            os.environ.pop(PYTHON, None)
            return
        python = self.root.resolve() / Path(str(named)).expanduser()
        if not os.access(python, os.X_OK) or not python.is_file():
            raise BadInput(
                _(
                    "{file}, key python: {python} is not there; 'tarot-tui setup' makes an environment."
                ).format(file=self.root / FILE, python=one_line(str(named), 200))
            )
        os.environ[PYTHON] = str(python)

    def use_python(self, python: Path) -> None:
        """Write ``python`` into ``tarot.yaml``; comments and the order of its keys are kept."""
        path = self.root / FILE
        # Not resolved: the environment's python is a link to the system's, and must stay what it is called.
        absolute = python.absolute()
        root = self.root.resolve()
        stored = absolute.relative_to(root) if absolute.is_relative_to(root) else absolute
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("python:")]
        write_text(path, "\n".join([*lines, f"python: {json.dumps(str(stored), ensure_ascii=False)}"]) + "\n")

    def relative(self, path: Path) -> str:
        """``path`` as it is stored in files of the project: relative when inside it, absolute otherwise."""
        path = path.resolve()
        root = self.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def resolve(self, stored: str | Path) -> Path:
        """The path that :meth:`relative` stored."""
        return self.root / Path(stored).expanduser()

    def remember(self, key: str, value: Any) -> None:
        """Keep a convenience (where the wizard was left) in ``.tarot/state.json``."""
        found = self.recall()
        found[key] = value
        self.state.mkdir(exist_ok=True)
        write_text(self.state / "state.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")

    def recall(self, key: str | None = None, default: Any = None) -> Any:
        """What :meth:`remember` kept; everything when ``key`` is None. A damaged file counts as empty."""
        try:
            found = json.loads((self.state / "state.json").read_text("utf-8"))
        except (OSError, ValueError):
            found = {}
        found = found if isinstance(found, dict) else {}
        return found if key is None else found.get(key, default)


def find(start: Path | None = None) -> Project:
    """The project that ``start`` (default: the working directory) lies in. Raises BadInput when there is none."""
    where = (start or Path.cwd()).absolute()
    for folder in (where, *where.parents):
        if (folder / FILE).is_file():
            return Project(folder)
    raise BadInput(
        _(
            "No project in {folder} or above it: run 'tarot-tui init {folder}' first, or name one with --project."
        ).format(folder=where)
    )


def create(folder: Path, *, example: bool = False) -> Project:
    """Make ``folder`` a project; with ``example`` also copy the tarot deck and its templates into it.

    An existing project is left as it is and only completed. Raises BadInput when ``folder`` is a file or
    cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadInput(
            _("{path} is in the way: it is a file where a folder is needed; choose another folder.").format(
                path=folder
            )
        ) from None
    except PermissionError:
        raise BadInput(
            _("{path} cannot be written by you; choose another folder.").format(path=folder)
        ) from None
    if not (folder / FILE).exists():
        about = _("A tarot-tui project. Paths in it are relative: move or copy the folder freely.")
        write_text(folder / FILE, f"# {about}\nversion: 1\n")
    project = Project(folder)
    if example:
        _copy_example(project)
    return project


def _copy_example(project: Project) -> None:
    with as_file(files("tarot_tui") / "example") as shipped:
        for name in ("sources", "templates", "prompts", "recipes"):
            for source in sorted((shipped / name).iterdir()):
                target = project.root / name / source.name
                if not target.exists():
                    shutil.copyfile(source, target)


def safe_name(name: str, what: str) -> str:
    """``name`` if it may name a file of ours (letters of any script, digits, ``. _ + -``). Raises BadInput."""
    if not _NAME.fullmatch(name) or len(name.encode()) > 120:
        raise BadInput(
            _(
                "'{name}' cannot name a {what}: use letters, digits, '.', '_', '+' or '-' and start with a letter or digit."
            ).format(name=one_line(name, 60), what=what)
        )
    return name


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Write a whole file and let it appear at once.

    Yields a temporary path in the same folder; on success it is flushed to disk and renamed to ``path``,
    on any exception it is removed and ``path`` stays as it was.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # the temporary name says nothing to anybody
        raise
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, mode & ~umask())
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def umask() -> int:
    """The permissions that new files of this process lack."""
    # The system call only tells it by changing it, for all threads: two that did so at once could leave it changed.
    with suppress(OSError, ValueError, StopIteration), open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    found = os.umask(0o077)
    os.umask(found)
    return found


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace ``path`` by ``text`` (UTF-8) atomically."""
    with replacing(path, mode) as temporary:
        temporary.write_text(text, "utf-8", newline="")


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping. Raises BadInput that names the file and, for a syntax error, the line."""
    import yaml

    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise BadInput(_("{file} does not exist.").format(file=path)) from None
    except UnicodeDecodeError:
        raise BadInput(_("{file} is not UTF-8 text: save it as UTF-8.").format(file=path)) from None
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = _("line {line}").format(line=mark.line + 1) if mark else "?"
        problem = one_line(str(getattr(error, "problem", "") or error), 120)
        raise BadInput(
            _("{file}, {where}: not valid YAML: {problem}.").format(file=path, where=where, problem=problem)
        ) from None
    except RecursionError:
        raise BadInput(_("{file}: its values are nested too deeply.").format(file=path)) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadInput(
            _("{file}: expected 'key: value' lines, found a {kind}.").format(
                file=path, kind=type(found).__name__
            )
        )
    return found


def cache_dir() -> Path:
    """Where downloads that every project shares are kept (``$XDG_CACHE_HOME/tarot-tui``); created when missing."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "tarot-tui"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def worker_python() -> str:
    """The Python that does the work: what ``tarot.yaml`` names, else this one."""
    return os.environ.get(PYTHON) or sys.executable
