"""Where the model that writes is: a base URL of an OpenAI-compatible server, and whether rows leave the machine for it."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.ollama_host import is_this_machine, ollama_url
from tarot_tui.text import one_line

OPENAI = "https://api.openai.com/v1"


def base_url(endpoint: str) -> str:
    """The URL below which ``/chat/completions`` is.

    ``openai`` and ``ollama`` (at ``OLLAMA_HOST``) are short for theirs; a URL without a path gets ``/v1``. Raises
    BadInput for what is no http URL, and for a key inside it.
    """
    if endpoint == "openai":
        return OPENAI
    if endpoint == "ollama":
        return f"{ollama_url()}/v1"
    parts = urlsplit(endpoint.strip())
    try:
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput(
            _(
                "'{endpoint}' is no endpoint: write a URL such as http://127.0.0.1:8080/v1, or 'openai' or 'ollama'."
            ).format(endpoint=one_line(endpoint, 80))
        )
    if parts.username or parts.password or parts.query:
        raise BadInput(
            _(
                "Leave user, password and key out of the endpoint's URL: --key-env or --key-file carries a key."
            )
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def stays_here(url: str, model: str) -> bool:
    """Whether what is sent to ``url`` stays on this machine. Ollama passes its cloud models on to ollama.com."""
    return is_this_machine(url) and not model.rpartition(":")[2].endswith("cloud")


def is_open(url: str) -> bool:
    """Whether others on the way can read along: plain http to another machine."""
    return url.startswith("http://") and not is_this_machine(url)
