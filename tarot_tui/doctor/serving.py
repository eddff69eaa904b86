"""Whether Ollama runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.ollama_host import is_this_machine, ollama_url
from tarot_tui.text import one_line

#: Seconds that Ollama may take for each step of an answer.
PATIENCE = 2.0


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
