"""Datasets of the Hugging Face hub: which of a repository's files to take, fetched into the project as sources.

A repository says in its card which files make up which configuration and split (``configs:``, see
https://huggingface.co/docs/hub/datasets-manual-configuration); most say nothing, and name their files by split.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from tarot_tui.data import registry
from tarot_tui.data.sources.kinds import KINDS
from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line, size

#: What is taken of a repository: tables and samples, not its README.
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
#: How LLaMA-Factory's registry calls the formats of samples.
FORMATS = ("alpaca", "sharegpt", "openai")

_NAME = re.compile(r"\w([\w.-]{0,94}\w)?/\w([\w.-]{0,94}\w)?", re.ASCII)
_ABOUT_ITSELF = {"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "config.json"}
_SECONDS = 10.0
_SPARE = 1.1  # of the files' size is free on the disk, or they are not fetched


@dataclass(frozen=True)
class Choice:
    """Files of a repository at one commit: path there and bytes; ``size`` is that of all."""

    name: str
    commit: str
    files: dict[str, int]

    @property
    def size(self) -> int:
        """Bytes to fetch."""
        return sum(self.files.values())


def choose(
    name: str, *, config: str | None = None, split: str = "train", revision: str | None = None
) -> Choice:
    """Which files of the dataset ``owner/name`` make up ``split`` of ``config`` (None: its only or default one).

    Raises BadInput for a name, configuration or split that is not there, TarotError when the hub does not answer.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            _("{name} is no name of a dataset on the hub; those look like owner/name.").format(
                name=one_line(name, 80)
            )
        )
    from huggingface_hub import HfApi

    with _said(name):
        found = HfApi(endpoint=_endpoint()).dataset_info(
            name, revision=revision, files_metadata=True, timeout=_SECONDS
        )
    files = {one.rfilename: int(one.size or 0) for one in found.siblings or [] if _is_data(one.rfilename)}
    configs = (found.card_data.to_dict() if found.card_data else {}).get("configs")
    patterns = _patterns(name, configs, config, split)
    if patterns is not None:
        chosen = {path: files[path] for path in files if any(_matches(path, one) for one in patterns)}
    else:
        chosen = {
            path: files[path] for path in files if config is None or config in PurePosixPath(path).parts
        }
        chosen = _of_split(chosen, split)
    if not chosen:
        raise BadInput(
            _("{name}: no {kinds} file for split '{split}' among its {count} files.").format(
                name=name,
                kinds=", ".join(one[1:] for one in SUFFIXES),
                split=one_line(split, 40),
                count=len(found.siblings or []),
            )
        )
    return Choice(name, str(found.sha), dict(sorted(chosen.items())))


def fetch(project: Project, choice: Choice, say: Callable[[str], None] = print) -> list[Path]:
    """The chosen files, fetched to ``sources/hub/<owner>--<name>/``; those that are there already are not again.

    Raises Refused when the disk has no room for them, TarotError when a download fails.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars
    from huggingface_hub.utils.logging import set_verbosity_error

    disable_progress_bars()
    set_verbosity_error()
    folder = project.sources / "hub" / choice.name.replace("/", "--")
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if choice.size * _SPARE > free:
        raise Refused(
            _("{name} takes {size}, and {folder} has {free} left.").format(
                name=choice.name, size=size(choice.size), folder=folder, free=size(free)
            )
        )
    paths = []
    for path, length in choice.files.items():
        say(_("Downloading {file} ({size}) …").format(file=one_line(path), size=size(length)))
        with _said(choice.name):
            paths.append(
                Path(
                    hf_hub_download(
                        choice.name, path, repo_type="dataset", revision=choice.commit,
                        local_dir=folder, endpoint=_endpoint(),
                    )
                )
            )  # fmt: skip
    return paths


def register(
    project: Project,
    entry: str,
    name: str,
    formatting: str,
    *,
    config: str | None = None,
    split: str = "train",
) -> None:
    """Enter the hub's dataset ``name`` as ``entry`` without fetching it: LLaMA-Factory does when it trains.

    formatting: one of ``FORMATS``, with the columns that the format has by itself.
    """
    raw: dict[str, Any] = {"hf_hub_url": name}
    if config:
        raw["subset"] = config
    raw["split"] = split
    if formatting == "openai":
        shape = registry.messages("")
    elif formatting == "sharegpt":
        shape = {"formatting": "sharegpt", "columns": {"messages": "conversations"}}
    else:
        shape = registry.alpaca("", system=False)
    shape.pop("file_name", None)
    registry.register(project, entry, raw | shape)


def _endpoint() -> str | None:
    # Asked for at each call: the hub's client itself looks once, when it is imported.
    return os.environ.get("HF_ENDPOINT") or None


def _is_data(path: str) -> bool:
    parts = PurePosixPath(path).parts
    # Among the hidden are "..": a path is the word of a stranger.
    hidden = path.startswith("/") or any(part.startswith(".") for part in parts)
    suffix = PurePosixPath(path).suffix.lower()
    return not hidden and suffix in SUFFIXES and suffix in KINDS and parts[-1] not in _ABOUT_ITSELF


def _patterns(name: str, configs: Any, config: str | None, split: str) -> list[str] | None:
    """The card's patterns of paths for the split, None when it has none. Raises BadInput for what it does not list."""
    known = {
        str(one["config_name"]): one
        for one in (configs if isinstance(configs, list) else [])
        if isinstance(one, dict) and one.get("config_name") and one.get("data_files")
    }
    if not known:
        return None
    default = next((key for key, one in known.items() if one.get("default") or key == "default"), None)
    wanted = config or default or (next(iter(known)) if len(known) == 1 else None)
    if wanted not in known:
        raise BadInput(
            _("{name} has several configurations; choose one with --config: {known}.").format(
                name=name, known=one_line(", ".join(known))
            )
        )
    splits = dict(_splits(known[wanted]["data_files"]))
    if split not in splits:
        raise BadInput(
            _("{name} has no split '{split}'; there is {known}.").format(
                name=name, split=one_line(split, 40), known=one_line(", ".join(splits))
            )
        )
    return splits[split]


def _splits(data_files: Any) -> Iterator[tuple[str, list[str]]]:
    """Split and patterns: a path or a list of paths is all ``train``, a list of objects names its splits."""
    entries = data_files if isinstance(data_files, list) else [data_files]
    plain = [one for one in entries if isinstance(one, str)]
    if plain:
        yield "train", plain
    for one in entries:
        if isinstance(one, dict) and "path" in one:
            paths = one["path"] if isinstance(one["path"], list) else [one["path"]]
            yield str(one.get("split", "train")), [str(path) for path in paths]


def _matches(path: str, pattern: str) -> bool:
    """Whether the glob matches; ``**/`` also stands for no folder at all."""
    return fnmatchcase(path, pattern) or fnmatchcase(path, pattern.replace("**/", ""))


def _of_split(files: dict[str, int], split: str) -> dict[str, int]:
    """The files with the split in a word of their path; all of them when no file names any split, for ``train``."""
    words = {path: set(re.split(r"[^a-z0-9]+", path.lower())) for path in files}
    chosen = {path: files[path] for path in files if split.lower() in words[path]}
    named = {"train", "test", "validation", "valid", "dev", "eval"}
    if not chosen and split == "train":
        return {path: files[path] for path in files if not words[path] & named}
    return chosen


@contextmanager
def _said(name: str) -> Iterator[None]:
    """What the hub's client raises, in one sentence."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError:
        text = _(
            "{name} is gated: accept its terms at https://huggingface.co/datasets/{name}, then log in with 'hf auth login'."
        )
        raise BadInput(text.format(name=name)) from None
    except RevisionNotFoundError:
        raise BadInput(_("{name} has no such revision.").format(name=name)) from None
    except RepositoryNotFoundError:
        text = _("{name} is not on the hub, or private: check the spelling, or log in with 'hf auth login'.")
        raise BadInput(text.format(name=name)) from None
    except (HTTPError, OSError, EntryNotFoundError) as error:
        if getattr(error, "errno", None) and not isinstance(error, LocalEntryNotFoundError):
            raise
        text = _("{name} could not be downloaded: {reason}. The same command goes on where it stopped.")
        reason = one_line(str(error) or type(error).__name__).rstrip(".")
        raise TarotError(text.format(name=name, reason=reason)) from None
