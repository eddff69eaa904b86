"""What an Ollama of some version can do that matters here."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Abilities:
    """shows_prompts: renders a prompt without answering it (``_debug_render_only``, since 0.11.5).

    reads_jinja: asks a model that has no Go template through the Jinja template in its GGUF (since 0.30).
    rewrites_files: copies an uploaded GGUF once more before it keeps it, so the file needs its space there twice for a
    moment (since 0.30, server/create.go).
    """

    shows_prompts: bool
    reads_jinja: bool
    rewrites_files: bool


def abilities(version: str) -> Abilities:
    """Read them off ``version``; a build from source calls itself 0.0.0 and is taken for a new one."""
    known = _numbers(version)
    engine = known >= (0, 30)
    return Abilities(shows_prompts=known >= (0, 11, 5), reads_jinja=engine, rewrites_files=engine)


def is_older(version: str, than: str) -> bool:
    """Whether a server of ``version`` came before ``than``; nothing came before an empty one."""
    return bool(than) and _numbers(version) < _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:3])
    return found if any(found) else (9999,)
