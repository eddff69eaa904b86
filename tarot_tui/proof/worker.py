"""The proof job: compares what is served with what was trained, and writes it down. Reads ``job.yaml`` in ``TAROT_JOB_DIR``."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tarot_tui import __version__
from tarot_tui.errors import BadInput
from tarot_tui.export.release import Release, need_ggufs, read_release
from tarot_tui.jobs import task, worker
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.proof import reference, served
from tarot_tui.proof.judge import Agreement, agreement, verdict
from tarot_tui.proof.material import Material, adapter_of, collect
from tarot_tui.proof.page import page

FILE, PAGE = "proof.json", "PROOF.md"
_FORMAT = 1


def main() -> int:
    """Run the job and return its exit code."""
    return task.main(_run, _("This is the worker of a proof: start one with 'tarot-tui release proof NAME'."))


def _run(_folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    project = Project(Path(request["project"]))
    proof = prove(project, read_release(project, request["name"]), cheap=request["cheap"])
    print(proof["verdict"], flush=True)
    return {"verdict": proof["verdict"]}


def prove(project: Project, release: Release, *, cheap: bool) -> dict[str, Any]:
    """Make the proof of ``release`` and write it beside its files. cheap: prompts and tokens only.

    Raises BadInput when there is no GGUF, or the base is gone, TarotError when llama.cpp or the model fails.
    """
    need_ggufs(release)
    base = Path(release.facts["base"]["folder"])
    if not base.is_dir():
        raise BadInput(
            _("The base model {name} is no longer in {folder}: a proof compares with it.").format(
                name=release.base, folder=base
            )
        )
    _say(_("collecting texts, conversations and samples"))
    material = collect(project, release)
    trained = None
    if _several(release) and not cheap:
        _say(
            _(
                "Several adapters are merged here, which the unmerged model cannot show: its answers are left out."
            )
        )
        cheap = True
    if not cheap and (material.samples or material.questions):
        _say(_("asking the trained model itself"))
        trained = reference.run(base, _adapter(project, release), material, _progress)
    expected = reference.tokens_of(material.tokenizer, material.texts)
    quants = {
        quant: _quant(quant, gguf, material, expected, trained) for quant, gguf in release.ggufs.items()
    }
    found = _document(release, material, trained, quants)
    write_text(release.folder / FILE, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    write_text(release.folder / PAGE, page(found))
    return found


def _several(release: Release) -> bool:
    """Whether more is merged than one adapter as it was trained."""
    named = release.facts.get("adapters") or []
    return len(named) > 1 or any(one["weight"] != 1 for one in named)


def _adapter(project: Project, release: Release) -> Path | None:
    folder = adapter_of(project, release)
    if folder and not (folder / "adapter_config.json").is_file():
        raise BadInput(
            _(
                "The adapter in {folder} is gone: put it back, or prove prompts and tokens alone with --quick."
            ).format(folder=folder)
        )
    return folder


def _quant(
    quant: str,
    gguf: Path,
    material: Material,
    expected: list[list[int]],
    trained: reference.Reference | None,
) -> dict[str, Any]:
    _say(_("asking {quant} through llama.cpp").format(quant=quant))
    found = served.ask(gguf, material, cheap=trained is None, on_progress=_progress)
    prompts = [one["prompt"] for one in material.conversations]
    bad_prompts = [
        i for i, (one, other) in enumerate(zip(prompts, found.prompts, strict=True)) if one != other
    ]
    bad_tokens = [
        i for i, (one, other) in enumerate(zip(expected, found.tokens, strict=True)) if one != other
    ]
    result: dict[str, Any] = {
        "file": gguf.name,
        "sha256": _sha256(gguf),
        "prompts": {"compared": len(prompts), "different": bad_prompts},
        "tokens": {
            "compared": len(expected),
            "different": [
                {"text": material.texts[i], "trained": expected[i], "served": found.tokens[i]}
                for i in bad_tokens[:3]
            ],
        },
    }
    if trained is not None:
        result |= _measured(material, trained, found)
    return result


def _measured(material: Material, trained: reference.Reference, found: served.Served) -> dict[str, Any]:
    result: dict[str, Any] = {"answers": found.answers}
    if found.positions:
        result["agreement"] = asdict(agreement(trained.positions, found.positions))
    if material.answers:
        same = sum(
            one.strip() == other.strip() for one, other in zip(material.answers, found.answers, strict=True)
        )
        result["word_for_word"] = same
    return result


def _document(
    release: Release, material: Material, trained: reference.Reference | None, quants: dict[str, Any]
) -> dict[str, Any]:
    agreements = {name: Agreement(**one["agreement"]) for name, one in quants.items() if "agreement" in one}
    return {
        "version": _FORMAT,
        "release": release.name,
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "by": f"tarot-tui {__version__}",
        # A page that is published need not tell where things lie on this machine.
        "base": release.base if not Path(release.base).is_absolute() else Path(release.base).name,
        "run": release.run,
        "template": {
            "go": release.template is not None,
            "reason": str(release.facts["template"].get("reason") or ""),
        },
        "held_out": material.held_out,
        "questions": [one[-1]["content"] for one in material.questions] if trained else [],
        "trained_answers": material.answers if trained else [],
        "answers": {"base": trained.base, "tuned": trained.tuned} if trained else {},
        "quants": quants,
        "verdict": verdict(
            agreements,
            prompts=not any(one["prompts"]["different"] for one in quants.values()),
            tokens=not any(one["tokens"]["different"] for one in quants.values()),
        ),
    }


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_doing = ""


def _say(what: str) -> None:
    global _doing
    _doing = what
    print(what, flush=True)
    _progress(0, None)


def _progress(done: int, total: int | None) -> None:
    task.stop_if_asked()
    worker.progress(done, total, "pieces", _doing)


if __name__ == "__main__":
    sys.exit(main())
