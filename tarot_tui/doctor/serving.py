"""Whether Ollama runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.ollama_host import is_this_machine, ollama_url
from tarot_tui.text import one_line, size

#: Seconds that Ollama may take for each step of an answer.
PATIENCE = 2.0
#: Bytes that an 8B model at q4_k_m needs while it is imported.
ROOM = 10_000_000_000


def ollama() -> Iterator[Finding]:
    """Ollama's version. (GET /api/version, ollama/docs/api.md.)"""
    import httpx

    url = ollama_url()
    # Without a user name and password that the URL may hold.
    where = f"{urlsplit(url).hostname}:{urlsplit(url).port}"
    try:
        answer = httpx.get(f"{url}/api/version", timeout=PATIENCE, trust_env=not is_this_machine(url))
        answer.raise_for_status()
        version = one_line(str(answer.json()["version"]), 40)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError) as error:
        yield Finding(
            "ollama.absent",
            "info",
            _("Ollama does not answer at {where}; chat works without it, through llama.cpp.").format(
                where=where
            ),
            type(error).__name__,
            fix="ollama serve"
            if shutil.which("ollama")
            else "curl -fsSL https://ollama.com/install.sh | sh && ollama serve",
        )
    else:
        yield Finding(
            "ollama",
            "ok",
            _("Ollama {version} answers at {where}.").format(version=version, where=where),
            version,
        )
        if is_this_machine(url):
            yield from store(_store())


def store(folder: Path | None) -> Iterator[Finding]:
    """Room where Ollama keeps its models; nothing when that is not known, or plenty."""
    if folder is None:
        return
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        yield Finding(
            "ollama.store",
            "warning",
            _(
                "Ollama's store at {folder} has {free} free: importing an 8B model takes twice its size, 10 GB."
            ).format(folder=folder, free=size(free)),
            f"{folder}: {free}",
            fix="ollama list; ollama rm NAME",
        )


def _store() -> Path | None:
    """Where an Ollama on this machine keeps its models: its own user's folder, ours, or what OLLAMA_MODELS says."""
    places = (os.environ.get("OLLAMA_MODELS"), "/usr/share/ollama/.ollama/models", "~/.ollama/models")
    folders = [Path(place).expanduser() for place in places if place]
    return next((folder for folder in folders if folder.is_dir()), None)
