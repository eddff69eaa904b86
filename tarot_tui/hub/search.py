"""Base models on the hub, by words of their names: the most used first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: What is asked of the hub about each model, by the names of ``HfApi.list_models``.
FIELDS = ["safetensors", "gated", "downloads", "tags"]
#: Bytes of one number, by the names that safetensors has for their types.
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}


@dataclass(frozen=True)
class Hit:
    """One model on the hub.

    parameters: how many numbers it has, and size: their bytes; 0 where the hub does not know, as for models that are
    pickled only. license: its short name, may be empty. gated: whether its terms have to be accepted first.
    downloads: in the last month. here: whether all of it is on this machine.
    """

    name: str
    parameters: int
    size: int
    license: str
    gated: bool
    downloads: int
    here: bool


def search(words: str, limit: int = 20) -> list[Hit]:
    """Models that generate text and whose names have ``words``, at most ``limit``. Raises TarotError without a hub."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    from tarot_tui.hub.cache import cached
    from tarot_tui.training.base import need_hub

    need_hub()
    # The root of all that the hub's HTTP client throws, whichever client this version of it uses.
    http_error = HfHubHTTPError.__bases__[0]
    try:
        found = list(
            HfApi().list_models(
                search=words.strip(),
                pipeline_tag="text-generation",
                filter="safetensors",
                sort="downloads",
                limit=limit,
                expand=FIELDS,  # type: ignore[arg-type]
            )
        )
    except (http_error, OSError) as error:
        raise TarotError(
            _("The hub cannot be reached ({reason}): look at the connection and HF_ENDPOINT.").format(
                reason=type(error).__name__
            )
        ) from None
    here = {one.name for one in cached() if one.whole}
    return [hit(one, here) for one in found]


def hit(info: Any, here: Iterable[str] = ()) -> Hit:
    """What the hub said of one model, in our words."""
    kinds: Mapping[str, int] = (info.safetensors.parameters if info.safetensors else None) or {}
    return Hit(
        name=one_line(info.id, 100),
        parameters=sum(kinds.values()),
        size=sum(count * _BYTES.get(kind, 1) for kind, count in kinds.items()),
        license=one_line(license_in(info.tags or []), 40),
        gated=bool(info.gated),
        downloads=info.downloads or 0,
        here=info.id in here,
    )


def license_in(tags: Iterable[str]) -> str:
    """The licence that the hub derives from a model's card, as it is tagged; may be empty."""
    return next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), "")
