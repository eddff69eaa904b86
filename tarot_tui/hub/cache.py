"""The base models on this machine: in the hub's cache and in ModelScope's, and the embedded one beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Cached:
    """name: on the hub. size: bytes on the disk. used: seconds since the epoch, 0 if unknown.

    whole: whether a training could start from it. folder: where it lies.
    """

    name: str
    size: int
    used: float
    whole: bool
    folder: Path


def cached() -> list[Cached]:
    """The models that are here, the largest first."""
    return sorted([*_of_the_hub(), *_of_modelscope(), *_embedded()], key=lambda one: -one.size)


def remove(name: str) -> int:
    """Remove the model ``name`` from the cache; how many bytes became free. Raises BadInput for an unknown one."""
    import shutil

    found = find(name)
    if found not in _of_the_hub():
        shutil.rmtree(found.folder)
        return found.size
    from huggingface_hub import constants, scan_cache_dir

    cache = scan_cache_dir(constants.HF_HUB_CACHE)
    revisions = [
        revision.commit_hash
        for repo in cache.repos
        if repo.repo_type == "model" and repo.repo_id == found.name
        for revision in repo.revisions
    ]
    plan = cache.delete_revisions(*revisions)
    plan.execute()
    # What a download left half done belongs to no revision.
    shutil.rmtree(found.folder, ignore_errors=True)
    return found.size


def find(name: str) -> Cached:
    """The cached model of that name. Raises BadInput with those there are."""
    known = cached()
    found = next((one for one in known if one.name.casefold() == name.casefold()), None)
    if found is None:
        there = ", ".join(one.name for one in known) or _("none")
        raise BadInput(
            _("{name} is not on this machine; there are {known}.").format(
                name=one_line(name, 80), known=one_line(there, 300)
            )
        )
    return found


def _of_the_hub() -> list[Cached]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    if Path(constants.HF_HUB_CACHE).is_file():
        raise BadInput(
            _("{path} is a file where the hub's cache should be: look at HF_HUB_CACHE and HF_HOME.").format(
                path=constants.HF_HUB_CACHE
            )
        )
    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    return [
        Cached(
            repo.repo_id,
            _size(Path(repo.repo_path)),
            repo.last_accessed or 0,
            _is_whole(repo.repo_id),
            Path(constants.HF_HUB_CACHE) / Path(repo.repo_path).name,
        )
        for repo in repos
        if repo.repo_type == "model"
    ]


def _of_modelscope() -> list[Cached]:
    from tarot_tui.training import base, modelscope

    def whole(folder: Path) -> bool:
        try:
            return bool(base.check(folder / "snapshots/master"))
        except BadInput:
            return False

    return [
        Cached(
            folder.name.replace("--", "/", 1), _size(folder), folder.stat().st_atime, whole(folder), folder
        )
        for folder in sorted((modelscope.cache() / "models").glob("*--*"))
    ]


def _is_whole(name: str) -> bool:
    from tarot_tui.training.base import in_cache

    return in_cache(name) is not None


def _embedded() -> list[Cached]:
    from tarot_tui.training import embedded

    folder = embedded.folder()
    if not folder.is_dir():
        return []
    return [Cached(embedded.NAME, _size(folder), folder.stat().st_atime, True, folder)]


def _size(folder: Path) -> int:
    # Snapshots are links into the blobs, which would count twice.
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
