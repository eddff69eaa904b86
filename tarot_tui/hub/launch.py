"""Fetch a base model as a job: it goes on without the terminal, and after a broken connection with what is missing."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import size

#: The kind of these jobs.
KIND = "download"


@dataclass(frozen=True)
class Offer:
    """name: on the hub. size: bytes of all that is needed. here: bytes of it on this machine. free: on its disk.

    modelscope: whether it comes from there.
    """

    name: str
    size: int
    here: int
    free: int
    modelscope: bool = False


def offer(name: str, *, modelscope: bool = False) -> Offer:
    """What fetching ``name`` takes. Raises BadInput for an unknown or gated name, TarotError without a hub, Refused
    when it does not fit on the disk.
    """
    import shutil

    total, cache = _on_modelscope(name) if modelscope else _on_the_hub(name)
    cache.mkdir(parents=True, exist_ok=True)
    found = Offer(name, total, on_disk(name), shutil.disk_usage(cache).free, modelscope)
    if found.size - found.here > found.free:
        raise Refused(
            _(
                "{name} needs {size} more in {folder}, where {free} are free: remove something with "
                "'tarot-tui models rm', or set {variable} to another disk."
            ).format(
                name=name,
                size=size(found.size - found.here),
                folder=cache,
                free=size(found.free),
                variable="MODELSCOPE_CACHE" if modelscope else "HF_HOME",
            )
        )
    return found


def _on_modelscope(name: str) -> tuple[int, Path]:
    from tarot_tui.training import modelscope
    from tarot_tui.training.base import PATTERNS

    return sum(modelscope.sizes(name, PATTERNS).values()), modelscope.cache()


def _on_the_hub(name: str) -> tuple[int, Path]:
    from fnmatch import fnmatch

    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    from tarot_tui.training.base import PATTERNS, gated, not_found

    # The root of all that the hub's HTTP client throws, whichever client this version of it uses.
    http_error = HfHubHTTPError.__bases__[0]
    api = HfApi()
    try:
        info = api.model_info(name, files_metadata=True)
        api.auth_check(name)
    except GatedRepoError:
        raise BadInput(gated(name)) from None
    except RepositoryNotFoundError:
        raise BadInput(not_found(name)) from None
    except (http_error, OSError) as error:
        raise TarotError(
            _("The hub cannot be reached ({reason}): look at the connection and HF_ENDPOINT.").format(
                reason=type(error).__name__
            )
        ) from None
    total = sum(
        one.size or 0
        for one in info.siblings or []
        if any(fnmatch(one.rfilename, pattern) for pattern in PATTERNS)
    )
    return total, Path(constants.HF_HUB_CACHE)


def on_disk(name: str) -> int:
    """Bytes of ``name`` in the caches so far, half-loaded files included."""
    from huggingface_hub import constants

    from tarot_tui.training import modelscope

    flat = name.replace("/", "--")
    blobs = Path(constants.HF_HUB_CACHE) / f"models--{flat}" / "blobs"
    fetched = modelscope.cache() / "models" / flat
    done = 0
    # Unlike a glob, a walk does not stumble over what is renamed meanwhile.
    for place, _folders, names in (*os.walk(blobs), *os.walk(fetched)):
        for one in names:
            with suppress(OSError):
                found = os.stat(os.path.join(place, one))
                # Allocated rather than long: a half-loaded file may have its full length from the start.
                done += min(found.st_size, found.st_blocks * 512)
    return done


def launch(project: Project, wanted: Offer) -> Path:
    """Start fetching what was offered; the job's folder."""
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create
    from tarot_tui.training import modelscope

    folder = create(
        project,
        KIND,
        f"get-{wanted.name.rpartition('/')[2]}",
        ["{python}", "-m", "tarot_tui.hub.worker"],
        {"name": wanted.name, "size": wanted.size},
        {"HF_HUB_DISABLE_PROGRESS_BARS": "1", modelscope.VARIABLE: "1" if wanted.modelscope else "0"},
        title=_("fetch {name}").format(name=wanted.name),
    )
    start(folder)
    return folder
