"""The export job: adapter → merged folder and GGUFs → template → release. Reads ``job.yaml`` in ``TAROT_JOB_DIR``.

Everything is made in ``models/.<name>.making/`` and appears as ``models/<name>/`` when it is whole. What an earlier
attempt finished is kept, by its hash. The merge comes before anything that imports torch, so that it stays small.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tarot_tui import __version__
from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.export import converter, making
from tarot_tui.export.adapter import CONFIG, WEIGHTS, Weighted
from tarot_tui.export.llama_quantize import foreign
from tarot_tui.export.part_file import part_of, present
from tarot_tui.export.release import FILE, MERGED, write_release
from tarot_tui.findings import Finding
from tarot_tui.jobs import task, worker
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.steps import Steps
from tarot_tui.locale import _
from tarot_tui.project import Project, replacing, write_text
from tarot_tui.text import size

if TYPE_CHECKING:
    from tarot_tui.export.gguf_output import Written

_PIECES = "pieces.json"
# No space, over quota, over the limit for one file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass
class Export:
    """One export on its way. ``making`` is its folder; ``pieces`` is what is finished there, by hash."""

    project: Project
    request: dict[str, Any]
    making: Path
    pieces: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def base(self) -> Path:
        """The base model's folder."""
        return Path(self.request["base"])

    @property
    def adapters(self) -> list[Weighted]:
        """All that is merged in: the run's adapter or one of its checkpoints', or those that were named by folder."""
        if self.request["adapter"]:
            return [Weighted(self.project.jobs / self.request["run"] / self.request["adapter"])]
        return [Weighted(Path(one["folder"]), one["weight"]) for one in self.request.get("adapters") or []]

    @property
    def adapter(self) -> Path | None:
        """The folder of the first adapter, whose tokenizer counts. None: the base is exported as it is."""
        return self.adapters[0].folder if self.adapters else None

    @property
    def target(self) -> Path:
        """Where the release appears."""
        return self.project.models / self.request["name"]

    @property
    def replaced(self) -> Path:
        """Where the release that had this name is while the new one takes its place."""
        return self.target.with_name(f".{self.target.name}.old")

    def missing(self) -> list[str]:
        """The quantisations that are still to be made; with those for llama-quantize also what it reads."""
        wanted = [quant for quant in self.request["quants"] if quant not in self.pieces["ggufs"]]
        if foreign(wanted, self.imatrix is not None) and self.exact not in (*wanted, *self.pieces["ggufs"]):
            wanted.append(self.exact)
        return wanted

    @property
    def imatrix(self) -> Path | None:
        """The importance matrix to quantise by."""
        return Path(self.request["imatrix"]) if self.request.get("imatrix") else None

    @property
    def exact(self) -> str:
        """The 16-bit type that holds the merged model as it is, or nearly; what llama-quantize reads."""
        config = _json(self.base / "config.json")
        return "f16" if "float16" in (config.get("dtype"), config.get("torch_dtype")) else "bf16"

    @property
    def threads(self) -> int:
        """How many cores to quantise with."""
        return self.request.get("threads") or len(os.sched_getaffinity(0))

    def gguf(self, quant: str) -> Path:
        """Where a quantisation is made."""
        return self.making / f"{self.request['name']}-{quant}.gguf"

    def add(self, one: Written) -> None:
        """Record a finished quantisation."""
        entry = {"file": one.path.name, "sha256": one.sha256, "bytes": one.size, "tensors": one.tensors}
        self.pieces["ggufs"][one.quant] = entry | {"narrow": one.narrow, "adds_bos": one.adds_bos}
        self.keep()
        _say(f"{one.path.name}  {size(one.size)}")

    def keep(self) -> None:
        """Record the finished pieces."""
        write_text(self.making / _PIECES, json.dumps(self.pieces, indent=1))


def main() -> int:
    """Run the job and return its exit code; the last line of the log is then the reason."""
    return task.main(_run, _("This is the worker of an export: start one with 'tarot-tui export RUN'."))


def _run(_folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    try:
        release = run(request)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        text = _(
            "The disk is full ({reason}): make room and export again; what is written stays and is taken up."
        )
        raise TarotError(text.format(reason=error.strerror)) from None
    return {"release": release.name, "folder": str(release)}


def run(request: dict[str, Any]) -> Path:
    """Make the release that ``request`` (see ``launch``) asks for and return its folder."""
    project = Project(Path(request["project"]))
    project.models.mkdir(exist_ok=True)
    with making.alone(project, request["name"]) as folder:
        export = Export(project, request, folder)
        try:
            _make(export)
        except (BadInput, Refused):
            if folder.is_dir() and {path.name for path in folder.iterdir()} <= {_PIECES}:
                shutil.rmtree(folder)  # nothing is made yet
            raise
    _say(_("Finished: {folder}").format(folder=project.relative(export.target)))
    return export.target


def _make(export: Export) -> None:
    # What is finished is known by its hash, so every attempt goes through all steps; they say where it is.
    steps = Steps(worker.job_dir(), ("check", "merge", "quantise", "describe"))
    attempt = uuid4().hex
    with steps.step("check", _("check what is asked"), attempt):
        _begin(export)
        _preflight(export)
    with steps.step("merge", _("merge"), attempt):
        _merge(export)
    with steps.step("quantise", _("write the GGUFs"), attempt):
        adds_bos = _quantise(export)
    with steps.step("describe", _("describe the model"), attempt):
        _describe(export, adds_bos)
        _publish(export)


def _begin(export: Export) -> None:
    """Take up what an earlier attempt, or the release to be replaced, finished from the same adapter and base."""
    if export.replaced.exists() and not export.target.exists():  # an attempt ended between two renames
        export.replaced.rename(export.target)
    if (export.target / FILE).is_file() and not export.request["replace"]:
        raise Refused(_("There is a model '{name}' already.").format(name=export.request["name"]))
    key = {
        "adapters": [
            [one.weight, *(_sha256(one.folder / name) for name in (WEIGHTS, CONFIG))]
            for one in export.adapters
        ],
        "imatrix": _sha256(export.imatrix) if export.imatrix else None,
        "base": export.request.get("base_fingerprint") or _sha256(export.base / "config.json"),
    }
    if step := export.request.get("step"):
        text = _("This is the checkpoint of step {step}: the run has not finished.").format(step=step)
        export.findings.append(Finding("export.checkpoint", "warning", text))
        _say(text)
    export.making.mkdir(exist_ok=True)
    kept = _json(export.making / _PIECES)
    if kept.get("key") != key:
        shutil.rmtree(export.making)
        export.making.mkdir()
        kept = {}
    wanted = [
        path for quant in (*export.request["quants"], export.exact) for path in part_of(export.gguf(quant))
    ]
    for left in export.making.glob(".*"):
        if left not in wanted:
            left.unlink()
    export.pieces = {"key": key, "ggufs": {}, "merged": bool(kept.get("merged"))}
    released = _json(export.target / FILE)
    earlier = released.get("ggufs", {}) if released.get("key") == key else {}
    for quant, entry in {**earlier, **kept.get("ggufs", {})}.items():
        _take_up(export, quant, entry)
    export.keep()


def _take_up(export: Export, quant: str, entry: dict[str, Any]) -> None:
    path = export.gguf(quant)
    if quant not in (*export.request["quants"], export.exact):
        path.unlink(missing_ok=True)
        return
    if not path.is_file() and (export.target / path.name).is_file():
        with suppress(OSError):
            os.link(export.target / path.name, path)
    if path.is_file() and path.stat().st_size == entry.get("bytes") and _sha256(path) == entry.get("sha256"):
        export.pieces["ggufs"][quant] = entry
        _say(_("{file} is already there.").format(file=path.name))


def _preflight(export: Export) -> None:
    """What can be refused is refused now, in a second; and what is to be written must fit on the disk."""
    from tarot_tui.export.disk import check_space
    from tarot_tui.export.llama_quantize import estimate
    from tarot_tui.export.plan import planned

    with planned(export.base, export.adapters) as (base, _plan, _config):
        shapes = [base[name].shape for name in base]
        needed = sum(estimate(quant, shapes) for quant in export.missing())
        needed -= sum(present(export.gguf(quant)) for quant in export.missing())
        needed += base.size if _to_merge(export) else 0
    _say(_("To write: about {size}.").format(size=size(needed)))
    check_space(export.making, needed)
    if _to_merge(export) and export.missing():  # alone, the pass over the GGUFs refuses within seconds
        doubt = converter.supported(export.base)
        if doubt and doubt.severity == "warning":
            raise Refused(doubt.text)


def _to_merge(export: Export) -> bool:
    return export.request["merge"] and not export.pieces["merged"]


def _merge(export: Export) -> None:
    from tarot_tui.export.merge import merge

    if not _to_merge(export):
        return
    part = export.making / f"{MERGED}.part"
    shutil.rmtree(part, ignore_errors=True)
    _say(_("Merging into a Hugging Face folder …"))
    # Two keep a disk busy; each more would take memory for nothing.
    plan = merge(export.base, export.adapters, part, _meter(_("merging")), threads=min(2, export.threads))
    if plan.untied:
        _say(_("The adapter changes embedding and output apart: the model gets an lm_head of its own."))
    part.rename(export.making / MERGED)
    export.pieces["merged"] = True
    export.keep()


def _quantise(export: Export) -> bool | None:
    missing = export.missing()
    theirs = foreign(missing, export.imatrix is not None)
    if ours := [quant for quant in missing if quant not in theirs]:
        from tarot_tui.export.gguf import write_ggufs

        _say(_("Writing {quants} in one pass …").format(quants=", ".join(ours)))
        write_ggufs(
            export.base,
            export.adapters,
            {quant: export.gguf(quant) for quant in ours},
            name=export.request["name"],
            base_name=Path(export.request.get("model_name_or_path") or export.base).name,
            key=json.dumps(export.pieces["key"]),
            threads=export.threads,
            progress=_meter(_("writing GGUF")),
            finished=export.add,
            say=_say,
        )
    for quant in theirs:
        _by_llama_quantize(export, quant)
    if export.exact not in export.request["quants"] and export.pieces["ggufs"].pop(export.exact, None):
        export.keep()
        export.gguf(export.exact).unlink()
    return next((entry["adds_bos"] for entry in export.pieces["ggufs"].values()), None)


def _by_llama_quantize(export: Export, quant: str) -> None:
    from tarot_tui.export.gguf_output import Written
    from tarot_tui.export.llama_quantize import quantise

    _say(_("{quant} is made by llama-quantize, of {exact}.").format(quant=quant, exact=export.exact))
    source = export.pieces["ggufs"][export.exact]
    with replacing(export.gguf(quant)) as part:
        quantise(
            Path(export.request["llama_quantize"]),
            export.gguf(export.exact),
            part,
            quant,
            imatrix=export.imatrix,
            threads=export.threads,
            progress=_meter(quant, "tensors"),
        )
    path = export.gguf(quant)
    export.add(
        Written(quant, path, _sha256(path), path.stat().st_size, source["tensors"], 0, source["adds_bos"])
    )


def _describe(export: Export, adds_bos: bool | None) -> None:
    from tarot_tui.export.describe import facts

    described = facts(export, adds_bos)
    for finding in described["findings"]:
        worker.finding(**finding)
    write_release(
        export.making,
        {
            **described,
            "key": export.pieces["key"],
            "created": datetime.now().astimezone().isoformat(timespec="seconds"),
            "tarot_tui": __version__,
        },
    )
    if export.request["merge"]:
        _write_card(export, described)


def _write_card(export: Export, described: dict[str, Any]) -> None:
    from tarot_tui.export.card import Subject, public_name, write_card

    trained = {}
    with suppress(BadInput):  # the training may have been thrown away since
        trained = read_spec(export.project.jobs / export.request["run"]).get("request") or {}
    model = export.request.get("model_name_or_path") or str(export.base)
    write_card(
        export.making / MERGED,
        Subject(
            kind="merged",
            name=export.request["name"],
            base=public_name(model),
            base_folder=export.base,
            facts=described,
            request=trained,
        ),
    )


def _publish(export: Export) -> None:
    """Let the whole release appear at once; an older one goes only then."""
    if not export.request["merge"]:
        shutil.rmtree(export.making / MERGED, ignore_errors=True)
    shutil.rmtree(export.replaced, ignore_errors=True)
    if export.target.exists():
        export.target.rename(export.replaced)
    export.making.rename(export.target)
    (export.target / _PIECES).unlink()
    shutil.rmtree(export.replaced, ignore_errors=True)


def _meter(what: str, unit: str = "bytes") -> Any:
    def progress(done: int, total: int) -> None:
        task.stop_if_asked()
        worker.progress(done, total, unit, what)

    return progress


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
