"""Model folders as far as chat templates go, in the style of the families that are in use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.export.chat_template import load
from tarot_tui.export.template import Rendering, template_of


@dataclass(frozen=True)
class Family:
    """A template in the style of a family, its special tokens, whether the runtime adds a BOS, the expected report.

    reason: a word of why there is no Go template; None where there is one.
    """

    source: str
    bos: str
    eos: str
    end: str
    adds_bos: bool
    mode: str
    trimmed: list[str]
    thoughts: str | None = None
    reason: str | None = None


_FOLDER = Path(__file__).parents[1] / "export" / "chat_templates"
FAMILIES = {
    name: Family((_FOLDER / f"{name}.jinja").read_text("utf-8"), **facts)
    for name, facts in json.loads((_FOLDER / "families.json").read_text("utf-8")).items()
}
CONVERTED = [name for name, family in FAMILIES.items() if family.reason is None]


def model(folder: Path, source: str, bos: str, eos: str, end: str, adds_bos: bool) -> Path:
    """A model folder as far as templates go."""
    folder.mkdir(exist_ok=True)
    added = [{"id": i, "content": token} for i, token in enumerate(dict.fromkeys([bos, eos, end]))]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    config = {"bos_token": {"content": bos}, "eos_token": eos, "add_bos_token": adds_bos}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(source)
    ids = [token["id"] for token in added if token["content"] in (eos, end)]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    return folder


def folder_of(family: Family, tmp_path: Path) -> Path:
    """A model of ``family``."""
    return model(tmp_path / "m", family.source, family.bos, family.eos, family.end, family.adds_bos)


def rendering_of(folder: Path, family: Family) -> tuple[str, Rendering] | None:
    """The accepted Go template of a model, and what it was compared with; None where it was refused."""
    report = template_of(folder)
    if report.template is None or report.system_mode is None:
        return None
    jinja = load(folder)
    printed = jinja.render([{"role": "user", "content": "q"}]).startswith(family.bos)
    skip = len(family.bos) if family.adds_bos and printed else 0
    found = Rendering(jinja, skip, report.system_mode, report.trimmed, report.thoughts, report.stops)
    return report.template, found
