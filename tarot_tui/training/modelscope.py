"""Base models from ModelScope, where the Hugging Face hub cannot be reached: the same names, another cache.

Wanted by ``USE_MODELSCOPE_HUB=1``, as LLaMA-Factory has it. ModelScope's own client does the work; it is an extra.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from modelscope_hub import HubApi

#: LLaMA-Factory's variable, so that one setting serves both.
VARIABLE = "USE_MODELSCOPE_HUB"


def wanted() -> bool:
    """Whether models are to be fetched from there."""
    return os.environ.get(VARIABLE, "").lower() in ("1", "true", "yes", "on", "y")


def cache() -> Path:
    """The folder in which ModelScope's client keeps what it fetched."""
    return Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()


def in_cache(name: str) -> Path | None:
    """Where ``name`` lies in that cache, whole or not; None when nothing of it does."""
    if not cache().is_dir() or find_spec("modelscope_hub") is None:
        return None
    from modelscope_hub.errors import HubError

    try:
        return Path(_client().download_repo(name, "model", local_files_only=True))
    except HubError:
        return None


def sizes(name: str, patterns: list[str]) -> dict[str, int]:
    """The files of ``name`` that match one of ``patterns``, and their bytes. Raises as :func:`fetch` does."""
    _need()
    with _in_our_words(name):
        found = _client().list_repo_files(name, "model")
    return {
        one.path: one.size or 0 for one in found if any(fnmatch(one.path, pattern) for pattern in patterns)
    }


def fetch(name: str, patterns: list[str]) -> Path:
    """The folder of ``name``, with what was missing fetched.

    Raises BadInput without the client, or for a name that is not there; TarotError when the connection fails.
    """
    _need()
    with _in_our_words(name):
        return Path(_client().download_repo(name, "model", allow_patterns=patterns))


def _client() -> HubApi:
    from modelscope_hub import HubApi
    from modelscope_hub.config import HubConfig

    # The default one keeps the environment as it was when it was first asked for.
    return HubApi(HubConfig())


def _need() -> None:
    if find_spec("modelscope_hub") is None:
        raise BadInput(
            _(
                "{variable} is set, and ModelScope's client is missing: pip install 'tarot-tui[modelscope]'"
            ).format(variable=VARIABLE)
        )


@contextmanager
def _in_our_words(name: str) -> Iterator[None]:
    from modelscope_hub.errors import AuthenticationError, HubError, NotExistError, PermissionDeniedError

    try:
        yield
    except NotExistError:
        raise BadInput(
            _(
                "{name} is not on ModelScope: check the spelling; some models have another owner there."
            ).format(name=one_line(name, 100))
        ) from None
    except (AuthenticationError, PermissionDeniedError):
        raise BadInput(
            _(
                "{name} is private on ModelScope: set MODELSCOPE_API_TOKEN to a token that may read it."
            ).format(name=one_line(name, 100))
        ) from None
    except HubError as error:
        raise TarotError(
            _(
                "{name} could not be fetched from ModelScope ({reason}); the same command goes on where it stopped."
            ).format(name=one_line(name, 100), reason=type(error).__name__)
        ) from None
