"""Python, the system around it, memory, and room on the disks."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tarot_tui.doctor.fixes import is_externally_managed, is_system_python, new_environment
from tarot_tui.doctor.memory import Memory, memory
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import FILE
from tarot_tui.text import size

_OLDEST_PYTHON = (3, 11)
#: Below this nothing can be trained (the embedded base of 135 M parameters takes about as much).
LEAST = 2_000_000_000
#: Below this a model of a useful size (1.5 B parameters: 3 GB, its checkpoints and its GGUF) does not fit.
COMFORTABLE = 10_000_000_000


def python() -> Iterator[Finding]:
    """The interpreter: new enough, and in an environment of its own."""
    number = platform.python_version()
    evidence = f"{number} {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding(
            "python.version",
            "error",
            _("Python {version} is too old: 3.11 or newer is needed.").format(version=number),
            evidence,
            fix="uv venv --python 3.12 .venv && . .venv/bin/activate && uv pip install 'tarot-tui[all]'",
        )
    elif is_externally_managed():
        yield Finding(
            "python.system",
            "warning",
            _(
                "Python {version} belongs to the system, which forbids pip to install into it (PEP 668): use a virtual environment."
            ).format(version=number),
            evidence,
            fix=f"{new_environment()} && pip install 'tarot-tui[all]'",
        )
    elif is_system_python():
        yield Finding(
            "python.system",
            "info",
            _("Python {version} is not in a virtual environment: pip installs for the whole system.").format(
                version=number
            ),
            evidence,
            fix=f"{new_environment()} && pip install 'tarot-tui[all]'",
        )
    else:
        yield Finding(
            "python",
            "ok",
            _("Python {version} in an environment of its own.").format(version=number),
            evidence,
        )


def machine() -> Iterator[Finding]:
    """The operating system, processors, memory, and disks."""
    import psutil

    yield _system()
    virtual = psutil.virtual_memory()
    yield memory_finding(memory(virtual.total, virtual.available))
    yield from _disks()


def _system() -> Finding:
    release = {"PRETTY_NAME": platform.system()}
    with suppress(OSError):
        release |= platform.freedesktop_os_release()
    kernel = platform.release()
    surroundings = [release["PRETTY_NAME"]]
    if "microsoft" in kernel.lower():
        surroundings.append("WSL")
    if container():
        surroundings.append(_("in a container"))
    return Finding(
        "machine.system",
        "ok",
        _("{system}, {cpus} processors.").format(
            system=_(", ").join(surroundings), cpus=len(os.sched_getaffinity(0))
        ),
        evidence=f"{platform.system()} {kernel} {platform.machine()}",
    )


def container(root: Path = Path("/")) -> bool:
    """Whether we run inside a container (Docker, Podman, Kubernetes, systemd-nspawn)."""
    marks = (".dockerenv", "run/.containerenv", "run/systemd/container")
    return any((root / mark).exists() for mark in marks) or "KUBERNETES_SERVICE_HOST" in os.environ


def memory_finding(found: Memory) -> Finding:
    """What the memory there is allows."""
    values = {"total": size(found.total), "free": size(found.available)}
    evidence = f"total {found.total}, available {found.available}" + (", cgroup" if found.limited else "")
    show = "ps aux --sort -rss | head"
    if found.total < LEAST:
        return Finding(
            "machine.memory",
            "error",
            _("{total} of memory cannot train even the smallest model: {least} are needed.").format(
                least=size(LEAST), **values
            ),
            evidence,
            # Typed outside; Docker calls a container by the host name that it sees itself.
            fix=f"docker update --memory 8g --memory-swap 8g {platform.node()}" if found.limited else "",
        )
    if found.available < LEAST:
        return Finding(
            "machine.memory",
            "warning",
            _("Only {free} of {total} of memory are free: end what uses it.").format(**values),
            evidence,
            fix=show,
        )
    if found.limited:
        text = _("{free} of {total} of memory are free; the container may not have more.")
    else:
        text = _("{free} of {total} of memory are free.")
    return Finding("machine.memory", "ok", text.format(**values), evidence)


def _disks() -> Iterator[Finding]:
    """One finding for each file system among those of the project, the hub's cache and our own."""
    places: dict[int, list[str]] = {}
    folders: dict[int, Path] = {}
    for name, folder in _places():
        with suppress(OSError):
            device = folder.stat().st_dev
            places.setdefault(device, []).append(name)
            folders.setdefault(device, folder)
        if not os.access(folder, os.W_OK):
            yield Finding(
                "machine.not_writable",
                "warning",
                _("{folder} ({name}) cannot be written by you.").format(folder=folder, name=name),
                fix=f"ls -ld {shlex.quote(str(folder))}",
            )
    for number, (device, names) in enumerate(places.items()):
        yield disk_finding(folders[device], _(", ").join(names), _free(folders[device]), number)


def disk_finding(folder: Path, names: str, free: int, number: int = 0) -> Finding:
    """What ``free`` bytes on the disk of ``folder`` allow; ``names``: what lies there."""
    values = {"free": size(free), "names": names, "folder": folder}
    name = f"machine.disk.{number}"
    evidence = f"{folder}: {free}"
    fix = f"du -xh -d 2 {shlex.quote(str(folder))} | sort -h | tail"
    if free < LEAST:
        text = _("Only {free} are free at {folder} ({names}): a training needs {least} at the very least.")
        return Finding(name, "error", text.format(least=size(LEAST), **values), evidence, fix)
    if free < COMFORTABLE:
        text = _("{free} are free at {folder} ({names}): enough for small models only.")
        return Finding(name, "warning", text.format(**values), evidence, fix)
    return Finding(name, "ok", _("{free} are free at {folder} ({names}).").format(**values), evidence)


def _places() -> Iterator[tuple[str, Path]]:
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)
    yield (_("the project"), root) if root else (_("this folder"), here)
    yield _("Hugging Face's cache"), existing(hub_cache())
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    yield _("tarot-tui's cache"), existing(base / "tarot-tui")


def hub_cache() -> Path:
    """Where huggingface_hub keeps models, by its own rules (its constants.py), without the cost of importing it."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(folder)).expanduser()


def existing(folder: Path) -> Path:
    """``folder``, or the nearest folder above it that there is: where it would be made."""
    return next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path("/"))


def _free(folder: Path) -> int:
    import psutil

    return psutil.disk_usage(str(folder)).free
