"""What is published of a run or a release: its files, and the ones written for the reader of a stranger's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.export.card import Subject
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.training.base import is_hub_name

#: What can be published, in the order in which it is looked for when nothing is said.
KINDS = ("gguf", "merged", "adapter")
#: Of a run's folder, what peft and transformers read; the rest of a job folder is nobody else's business.
_ADAPTER_FILES = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "chat_template.jinja",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "recipe.yaml",
)


@dataclass(frozen=True)
class Item:
    """One file: where it is, and its name (with ``/``) where it goes."""

    source: Path
    name: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.source.stat().st_size


@dataclass(kw_only=True)
class Contents(Subject):
    """Everything that goes out. kind: one of :data:`KINDS`. texts: file name → text of what is written for this purpose."""

    items: list[Item]
    texts: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def collect(project: Project, name: str, kind: str | None = None) -> Contents:
    """The files of the release ``name``, or of the run of that name.

    kind: None for the first of :data:`KINDS` that there is. Raises BadInput for a name that is neither, or that has
    nothing of that kind.
    """
    from tarot_tui.export.release import read_release, releases
    from tarot_tui.publish.card import write_texts

    if name in releases(project):
        found = _of_release(project, read_release(project, name), kind)
    else:
        found = _of_run(project, name, kind)
    _judge_base(found)
    write_texts(found)
    return found


def _of_release(project: Project, release: Any, kind: str | None) -> Contents:
    there = [
        one
        for one, exists in (
            ("gguf", release.ggufs),
            ("merged", release.merged),
            ("adapter", release.run and (project.jobs / release.run).is_dir()),
        )
        if exists
    ]
    kind = kind or (there or [None])[0]
    if kind not in there:
        raise BadInput(
            _("The model {name} has no {kind} to publish; it has {there}.").format(
                name=release.name, kind=kind, there=", ".join(there) or _("nothing")
            )
        )
    if kind == "adapter":
        found = _of_run(project, release.run, kind)
        found.facts = release.facts
        return found
    base = release.facts["base"]
    return Contents(
        kind=kind,
        name=release.name,
        items=_release_items(release, kind),
        base=release.base,
        base_folder=Path(base["folder"]) if base.get("folder") else None,
        facts=release.facts,
        request=_request(project.jobs / release.run) if release.run else {},
    )


def _release_items(release: Any, kind: str) -> list[Item]:
    if kind == "merged":
        files = sorted(path for path in release.merged.rglob("*") if path.is_file())
        return [Item(path, path.relative_to(release.merged).as_posix()) for path in files]
    items = [Item(path, path.name) for path in release.ggufs.values()]
    beside = [release.folder / name for name in ("Modelfile", "proof.json", "PROOF.md")]
    return items + [Item(path, path.name) for path in beside if path.is_file()]


def _of_run(project: Project, name: str, kind: str | None) -> Contents:
    from tarot_tui.export.launch import find_adapter
    from tarot_tui.jobs.find import resolve

    if kind not in (None, "adapter"):
        raise BadInput(
            _("{name} is a run and has only an adapter: export it first, then publish the model.").format(
                name=one_line(name, 60)
            )
        )
    run = resolve(project, name, "train")
    folder, _step = find_adapter(run)
    request = _request(run)
    files = [folder / one if (folder / one).is_file() else run / one for one in _ADAPTER_FILES]
    base = request.get("base")
    return Contents(
        kind="adapter",
        name=run.name,
        items=[Item(path, path.name) for path in files if path.is_file()],
        base=str(request.get("model_name_or_path") or ""),
        base_folder=Path(base) if isinstance(base, str) else None,
        request=request,
    )


def _request(run: Path) -> dict[str, Any]:
    from tarot_tui.jobs.spec import read_spec

    try:
        return dict(read_spec(run).get("request") or {})
    except BadInput:
        return {}


def _judge_base(found: Contents) -> None:
    """An adapter names its base; a path on this machine would be of no use to anybody else."""
    if is_hub_name(found.base):
        return
    name = Path(found.base).name
    found.findings.append(
        Finding(
            "publish.local_base",
            "warning",
            _("The base is a folder on this machine: readers will only see its name, {name}.").format(
                name=one_line(name, 60)
            ),
        )
    )
    if found.kind == "adapter":
        config = next(item for item in found.items if item.name == "adapter_config.json")
        facts = json.loads(config.source.read_text("utf-8"))
        found.items.remove(config)
        found.texts[config.name] = json.dumps({**facts, "base_model_name_or_path": name}, indent=2) + "\n"
    found.base = name
