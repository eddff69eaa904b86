"""Where LLaMA-Factory is installed on this machine, in which versions, and whether it works.

One for all projects of a user, since it takes gigabytes and belongs to the machine, not to a folder that is moved: in
``$XDG_DATA_HOME/tarot-tui/engines``, or wherever the user has one already (``engines use``). It needs transformers and
datasets older than ours, so it never shares our Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import write_text
from tarot_tui.text import one_line

NAME = "llamafactory"
#: Names the Python to use, whatever was chosen before.
VARIABLE = "TAROT_LLAMAFACTORY_PYTHON"
_INSIDE = Path(__file__).parent / "inside"
_QUICK, _LONG = 60, 300

#: Names that LLaMA-Factory, torchrun, Ray or Python would take orders from; what it does is said in its file alone.
STRAY = (
    "ALLOW_EXTRA_ARGS", "DISABLE_VERSION_CHECK", "FORCE_CHECK_IMPORTS", "FORCE_TORCHRUN", "LLAMABOARD_ENABLED",
    "LLAMABOARD_WORKDIR", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "MAX_NNODES", "MAX_RESTARTS",
    "MIN_NNODES", "NNODES", "NODE_RANK", "NPROC_PER_NODE", "OPTIM_TORCH", "RANK", "RDZV_ID", "USE_KT", "USE_MCA",
    "USE_MODELSCOPE_HUB", "USE_OPENMIND_HUB", "USE_RAY", "USE_V1", "WORLD_SIZE",
    "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__",
)  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """python: its interpreter. versions: of LLaMA-Factory and what it trains with, by the name of the package.
    ours: whether ``engines install`` made it."""

    python: Path
    versions: dict[str, str] = field(default_factory=dict)
    ours: bool = False

    @property
    def version(self) -> str:
        """Of LLaMA-Factory itself."""
        return self.versions.get(NAME, "")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values."""
        return asdict(self) | {"python": str(self.python), "version": self.version}


def home() -> Path:
    """The folder of the engines that we installed; it need not exist."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser().absolute() / "tarot-tui" / "engines"


def chosen() -> Path | None:
    """The Python that was chosen; None when none was, whether or not it is still there."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().absolute()
    try:
        found = json.loads((home() / f"{NAME}.json").read_text("utf-8"))["python"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Path(found) if isinstance(found, str) else None


def current() -> Environment:
    """The environment in use. Raises Refused that says how to get one."""
    python = chosen()
    if python is None:
        raise Refused(_("LLaMA-Factory is not installed: 'tarot-tui engines install llamafactory' does it."))
    return look(python)


def look(python: Path) -> Environment:
    """What is installed beside ``python``; quick, since none of it is imported.

    Raises BadInput when there is no such Python, or no LLaMA-Factory in it.
    """
    if not python.is_file() or not os.access(python, os.X_OK):
        raise BadInput(
            _(
                "{python} is not there: 'tarot-tui engines install llamafactory' makes it anew, 'engines use' takes another."
            ).format(python=python)
        )
    versions = ask(python, "versions.py", _QUICK)
    if NAME not in versions:
        raise BadInput(
            _(
                "There is no LLaMA-Factory in the environment of {python}: install it there, or name another."
            ).format(python=python)
        )
    return Environment(python, versions, ours=python.is_relative_to(home()))


def python_of(place: Path) -> Path:
    """The Python that ``place`` means: itself, or the one in that environment. Raises BadInput without any."""
    place = place.expanduser().absolute()
    for candidate in (place, place / "bin" / "python", place / "venv" / "bin" / "python"):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise BadInput(
        _("{place} is neither a Python nor an environment with one (bin/python).").format(place=place)
    )


def use(environment: Environment) -> None:
    """Let every training of LLaMA-Factory run in ``environment`` from now on. Raises Refused for our own Python."""
    if Path(sys.prefix) in environment.python.parents:
        raise Refused(
            _("That is the Python of tarot-tui itself, whose versions LLaMA-Factory does not work with.")
        )
    home().mkdir(parents=True, exist_ok=True)
    write_text(home() / f"{NAME}.json", json.dumps({"python": str(environment.python)}) + "\n")


def forget() -> None:
    """Choose none any more; nothing is deleted."""
    (home() / f"{NAME}.json").unlink(missing_ok=True)


def installed() -> list[Path]:
    """The environments that ``engines install`` has made, or begun to make."""
    return sorted(folder for folder in home().glob(f"{NAME}-*") if (folder / "pyvenv.cfg").is_file())


def remove() -> None:
    """Delete what we installed, and choose none any more. Raises Refused while a training runs in it."""
    import shutil

    import psutil

    folders = installed()
    for process in psutil.process_iter(["pid", "cmdline"]):
        command = process.info["cmdline"] or [""]
        if any(Path(command[0]).is_relative_to(folder) for folder in folders):
            raise Refused(
                _("Something runs in it (process {pid}): stop that first.").format(pid=process.info["pid"])
            )
    forget()
    for folder in folders:
        shutil.rmtree(folder)


def check(environment: Environment) -> list[Finding]:
    """Whether it works: everything imported, its own check of versions passed, and what it would train on."""
    try:
        found = ask(environment.python, "imports.py", _LONG)
    except TarotError as error:
        return [
            Finding(
                "llamafactory.broken",
                "error",
                _("LLaMA-Factory {version} does not start: {reason}").format(
                    version=environment.version, reason=error
                ),
                fix="tarot-tui engines install llamafactory",
            )
        ]
    text = _("LLaMA-Factory {version} works, with transformers {transformers} and torch {torch} on {device}.")
    findings = [
        Finding(
            "llamafactory.works",
            "ok",
            text.format(
                version=environment.version,
                transformers=environment.versions.get("transformers", "?"),
                torch=environment.versions.get("torch", "?"),
                device=found["device"],
            ),
        )
    ]
    if environment.versions.get("transformers") == "5.6.0":
        findings.append(
            Finding(
                "llamafactory.transformers",
                "warning",
                _("transformers 5.6.0 is the one release that LLaMA-Factory's authors have excluded since."),
                fix=f"{environment.python} -m pip install transformers==5.5.4",
            )
        )
    return findings


def plain_environment(**more: str) -> dict[str, str]:
    """The environment variables for its Python: ours, without those that it or its libraries take orders from."""
    kept = {key: value for key, value in os.environ.items() if key not in STRAY}
    return kept | {"PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"} | more


def ask(python: Path, script: str, seconds: int, *words: str) -> dict[str, Any]:
    """The JSON object that a script of ``inside/`` prints last. Raises TarotError with its last words."""
    try:
        done = subprocess.run(
            [str(python), str(_INSIDE / script), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=plain_environment(),
        )
    except subprocess.TimeoutExpired:
        raise TarotError(
            _("{python} did not answer within {seconds} s.").format(python=python, seconds=seconds)
        ) from None
    except OSError as error:
        raise BadInput(
            _("{python} cannot be started: {reason}.").format(python=python, reason=error.strerror)
        ) from None
    lines = done.stdout.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if done.returncode == 0 and lines else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise TarotError(one_line(said[-1], 300) if said else _("it ended without a word"))
    return found
