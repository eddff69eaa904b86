"""Whether the hub lets us have the base models that this project's recipes name. Recipes are only skimmed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tarot_tui.doctor.hub import PATIENCE
from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import read_yaml
from tarot_tui.text import one_line

#: Models that are asked about at most: a folder of old recipes must not hold up the doctor.
_MOST = 5
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def chosen(project: Path) -> list[str]:
    """The names on the hub in ``project``'s recipes, in order, without those that are folders."""
    names: dict[str, None] = {}
    for path in sorted((project / "recipes").glob("*.yaml")):
        try:
            name = read_yaml(path).get("model_name_or_path")
        except (TarotError, OSError):
            continue  # 'recipe check' says what is wrong with it
        if isinstance(name, str) and _HUB_NAME.fullmatch(name) and not (project / name).is_dir():
            names[name] = None
    return list(names)


def check(endpoint: str, token: str | None, project: Path) -> Iterator[Finding]:
    """For each chosen base that is not on this machine: may it be had? (``HfApi.auth_check`` asks the same.)"""
    import httpx

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for name in [name for name in chosen(project) if not _here(name)][:_MOST]:
        url = f"{endpoint.rstrip('/')}/api/models/{name}/auth-check"
        try:
            answer = httpx.get(url, headers=headers, timeout=PATIENCE)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return  # that the hub is away has been said
        yield judge(name, answer.status_code, answer.headers.get("X-Error-Code", ""), bool(token))


def judge(name: str, status: int, code: str, logged_in: bool) -> Finding:
    """What the hub's answer about ``name`` means; ``code`` is its ``X-Error-Code``."""
    shown = one_line(name, 80)
    evidence = f"HTTP {status} {one_line(code, 40)}".strip()
    if status == 200:
        return Finding("base", "ok", _("{name} may be downloaded.").format(name=shown), evidence)
    if code == "GatedRepo":
        text = _("{name}, which a recipe names, is gated: its terms were not accepted with this account.")
        how = _("open https://huggingface.co/{name}, accept the terms, then: tarot-tui login")
        return Finding("base.gated", "warning", text.format(name=shown), evidence, how.format(name=shown))
    if status in (401, 403, 404):
        text = _("{name}, which a recipe names, is not on the hub, or private.")
        fix = f"tarot-tui models search {shown.rpartition('/')[2]}" if logged_in else "tarot-tui login"
        return Finding("base.missing", "warning", text.format(name=shown), evidence, fix)
    text = _("The hub did not say whether {name} may be downloaded.")
    return Finding("base.unknown", "warning", text.format(name=shown), evidence)


def _here(name: str) -> bool:
    from huggingface_hub import constants

    found = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "snapshots"
    return any(found.glob("*/*.safetensors"))
