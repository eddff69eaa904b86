"""The Hugging Face hub: can it be reached, and as whom. The token itself is never part of a finding."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Seconds that the hub may take for each step of an answer.
PATIENCE = 4.0
MODELSCOPE = "https://www.modelscope.cn"


def check() -> Iterator[Finding]:
    """Whether there is a token, whether the hub is there and takes it, and gives us the models of this project."""
    from huggingface_hub import constants, get_token

    from tarot_tui.doctor import bases

    token = get_token()
    yield _token(bool(token))
    if constants.HF_HUB_OFFLINE:
        yield Finding(
            "hub.offline",
            "info",
            _("HF_HUB_OFFLINE is set: only models that are on this machine can be used."),
            fix="unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE",
        )
        return
    if os.environ.get("USE_MODELSCOPE_HUB", "").lower() in ("1", "true", "yes", "on", "y"):
        yield modelscope(os.environ.get("MODELSCOPE_ENDPOINT") or MODELSCOPE)
        return
    found = ask(constants.ENDPOINT, token)
    yield found
    if found.id != "hub.unreachable":
        yield from bases.check(constants.ENDPOINT, token, Path.cwd())


def modelscope(endpoint: str) -> Finding:
    """Whether models can be fetched from ModelScope, which USE_MODELSCOPE_HUB asks for."""
    from importlib.util import find_spec

    import httpx

    if find_spec("modelscope_hub") is None:
        text = _("USE_MODELSCOPE_HUB is set, and ModelScope's client is missing: nothing can be downloaded.")
        return Finding("hub.modelscope_client", "warning", text, fix="pip install 'tarot-tui[modelscope]'")
    host = _host(endpoint)
    try:
        answer = httpx.get(endpoint, timeout=PATIENCE, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return _unreachable(endpoint, host, type(error).__name__, "MODELSCOPE_ENDPOINT")
    text = _("{host} answers; models come from there (USE_MODELSCOPE_HUB).").format(host=host)
    return Finding("hub.modelscope", "ok", text, f"HTTP {answer.status_code}")


def _token(present: bool) -> Finding:
    if present:
        where = "HF_TOKEN" if os.environ.get("HF_TOKEN") else _("a file")
        return Finding(
            "hub.token", "ok", _("There is a Hugging Face token (from {where}).").format(where=where)
        )
    return Finding(
        "hub.no_token",
        "info",
        _("There is no Hugging Face token: public models work, gated ones need one."),
        fix="tarot-tui login",
    )


def ask(endpoint: str, token: str | None) -> Finding:
    """Who the hub at ``endpoint`` takes us for. (GET /api/whoami-v2, as huggingface_hub's ``HfApi.whoami`` asks.)"""
    import httpx

    host = _host(endpoint)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    path = "/api/whoami-v2" if token else "/api/models?limit=1"
    try:
        answer = httpx.get(endpoint.rstrip("/") + path, headers=headers, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # Not the error's words: they may quote the header, and so the token.
        return _unreachable(endpoint, host, type(error).__name__)
    if token and answer.status_code in (401, 403):
        return Finding(
            "hub.token_refused",
            "warning",
            _("{host} does not accept the Hugging Face token: it is wrong or has expired.").format(host=host),
            f"HTTP {answer.status_code}",
            fix="tarot-tui login",
        )
    if not answer.is_success:
        return _unreachable(endpoint, host, f"HTTP {answer.status_code}")
    if name := _name(answer):
        text = _("{host} answers and knows you as {name}; {rights}.").format(
            host=host, name=name, rights=_rights(answer)
        )
    else:
        text = _("{host} answers.").format(host=host)
    return Finding("hub", "ok", text, f"HTTP {answer.status_code}")


def _host(endpoint: str) -> str:
    """Host and port, without the name and password that an endpoint may carry; ``?`` when it is no URL."""
    try:
        return one_line(urlsplit(endpoint).netloc.rpartition("@")[2], 80) or "?"
    except ValueError:
        return "?"


def _name(answer) -> str:  # type: ignore[no-untyped-def]
    try:
        said = answer.json()
    except ValueError:
        return ""
    return one_line(str(said.get("name") or ""), 60) if isinstance(said, dict) else ""


def _rights(answer) -> str:  # type: ignore[no-untyped-def]
    token = (answer.json().get("auth") or {}).get("accessToken") or {}
    role = str(token.get("role") or "")
    if role == "write":
        return _("the token may download and publish")
    if role == "read":
        return _("the token may download, not publish")
    return _("the token's rights are fine-grained: 'tarot-tui login --status' tells")


def _unreachable(endpoint: str, host: str, evidence: str, variable: str = "HF_ENDPOINT") -> Finding:
    return Finding(
        "hub.unreachable",
        "warning",
        _("{host} cannot be reached: models that are not on this machine cannot be downloaded.").format(
            host=host
        ),
        evidence,
        fix=f"unset {variable}"
        if host == "?"
        else shlex.join(["curl", "-I", f"{urlsplit(endpoint).scheme}://{host}"]),
    )
