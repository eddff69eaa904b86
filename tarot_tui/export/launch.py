"""Ask for an export: check the request, make its job and start it. Light enough for a screen to call."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import BadInput, Refused
from tarot_tui.export import llama_quantize
from tarot_tui.export.llama_quantize import all_names
from tarot_tui.export.release import releases
from tarot_tui.locale import _
from tarot_tui.project import Project, safe_name
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.export.adapter import Weighted

_ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
#: Below this many parameters the K-quants cost more than they save (narrow tensors, a quality cliff).
SMALL = 1_000_000_000


@dataclass(frozen=True)
class Trained:
    """What a run has to offer: its adapter, and ``step`` where that is only a checkpoint's; its base and request.

    Where every weight was trained there is no adapter, and ``base`` is the trained model itself.
    """

    run: Path
    adapter: Path | None
    step: int | None
    base: Path
    request: dict[str, Any]


def launch(
    project: Project,
    run: Path,
    quants: list[str],
    merge: bool,
    name: str | None,
    *,
    replace: bool = False,
    threads: int | None = None,
    imatrix: Path | None = None,
) -> Path:
    """Start exporting ``run`` to ``models/<name>/`` and return the job's folder.

    quants: of :data:`~tarot_tui.export.kquants.QUANTS`; empty with ``merge`` for a merged folder only, empty without
    it for what suits the base. name: None for the run's own. threads: None for all cores. imatrix:
    llama.cpp's importance matrix, to quantise by. Raises BadInput for a run without an adapter or an
    unknown quantisation, Refused when the base is no longer the one trained on or the name is taken.
    """
    from tarot_tui.jobs.find import slug

    trained = find_trained(run)
    quants = check_quants(quants) or ([] if merge else [default_quant(trained.base)])
    request = {
        "run": run.name,
        "adapter": trained.adapter.relative_to(run).as_posix() if trained.adapter else None,
        "step": trained.step,
        "base": str(trained.base),
        "quants": quants,
        "merge": merge,
        "threads": threads,
        "imatrix": str(imatrix.absolute()) if imatrix else None,
        **{key: trained.request.get(key) for key in _CARRIED},
    }
    return _start(project, name or slug(run), request, replace)


def launch_base(
    project: Project,
    base: Path,
    quants: list[str],
    name: str,
    *,
    called: str = "",
    adapters: Sequence[Weighted] = (),
    merge: bool = False,
    replace: bool = False,
    threads: int | None = None,
    imatrix: Path | None = None,
) -> Path:
    """Start exporting a model as it is, or with ``adapters`` from anywhere merged in.

    called: the name of ``base`` on the hub, if it came from there; its folder's may be a mere hash. Raises BadInput for a folder that is no whole model, Refused for an adapter that says it was trained on another
    base, and otherwise as :func:`launch`.
    """
    from tarot_tui.training.base import check, fingerprint

    folder = check(base.absolute())
    known = fingerprint(folder)
    for adapter in adapters:
        _check_base_of(adapter.folder, folder, known)
    request = {
        "run": "",
        "adapter": None,
        "adapters": [{"folder": str(one.folder.absolute()), "weight": one.weight} for one in adapters],
        "step": None,
        "base": str(folder),
        "base_fingerprint": known,
        "model_name_or_path": called or None,
        "quants": check_quants(quants) or ([] if merge else [default_quant(folder)]),
        "merge": merge,
        "threads": threads,
        "imatrix": str(imatrix.absolute()) if imatrix else None,
    }
    return _start(project, name, request, replace)


def _check_base_of(adapter: Path, base: Path, known: str) -> None:
    """Raise Refused when ``adapter`` lies in a run of ours, or is a checkpoint of one, that had another base."""
    from tarot_tui.jobs.spec import read_spec

    for run in (adapter, adapter.parent):
        try:
            recorded = (read_spec(run).get("request") or {}).get("base_fingerprint")
        except BadInput:
            continue
        if recorded and recorded != known:
            raise Refused(
                _(
                    "The model in {folder} is not the one that {run} was trained on; merging would ruin it."
                ).format(folder=base, run=one_line(run.name))
            )
        return


def parse_adapter(text: str) -> Weighted:
    """``DIR`` or ``DIR:WEIGHT``, opened once to see that it can be merged.

    Raises BadInput for a folder without an adapter or a weight that is no number, Refused for one of another kind.
    """
    from tarot_tui.export.adapter import Adapter, Weighted

    folder, weight = Path(text), 1.0
    head, colon, tail = text.rpartition(":")
    if colon and not folder.is_dir():
        folder = Path(head)
        try:
            weight = float(tail)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight) or weight == 0:
            raise BadInput(
                _("'{text}': the weight behind the colon must be a number other than 0, such as 0.5.").format(
                    text=one_line(text)
                )
            )
    Adapter(folder).close()
    return Weighted(folder, weight)


def _start(project: Project, name: str, request: dict[str, Any], replace: bool) -> Path:
    from tarot_tui.export import blas
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create

    safe_name(name, _("model"))
    if name in releases(project) and not replace:
        raise Refused(
            _("There is a model '{name}' already: choose another with -o NAME, or --replace it.").format(
                name=name
            )
        )
    imatrix = request.get("imatrix")
    program = llama_quantize.check(request["quants"], Path(imatrix) if imatrix else None)
    place = {"project": str(project.root.resolve()), "name": name, "replace": replace}
    if program:
        place["llama_quantize"] = str(program)
    checkout = {name: os.environ[name] for name in ("LLAMA_CPP_DIR",) if name in os.environ}
    environment = blas.environment() | checkout | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    folder = create(
        project,
        "export",
        f"export-{name}",
        ["{python}", "-m", "tarot_tui.export.worker"],
        place | request,
        environment,
        title=_("export {name}").format(name=name),
    )
    start(folder)
    return folder


_CARRIED = ("model_name_or_path", "base_fingerprint", "dataset", "max_samples", "cutoff_len")


def find_trained(run: Path) -> Trained:
    """The adapter of ``run``, or of its last whole checkpoint, and the base it belongs to; or its whole model.

    Raises BadInput when there is neither or the base is gone, Refused when the base has changed.
    """
    from tarot_tui.jobs.spec import read_spec
    from tarot_tui.training.base import check, fingerprint

    request = read_spec(run).get("request") or {}
    adapter, step = find_weights(run)
    if request.get("finetuning_type") == "full":
        return Trained(run, None, step, adapter, {**request, "base_fingerprint": fingerprint(adapter)})
    base = request.get("base")
    if not isinstance(base, str) or not Path(base).is_dir():
        raise BadInput(
            _(
                "The base model that {run} was trained on is no longer in {folder}: put it back, or train again."
            ).format(run=run.name, folder=one_line(str(base)))
        )
    recorded = request.get("base_fingerprint")
    if recorded and fingerprint(check(Path(base))) != recorded:
        raise Refused(
            _(
                "The model in {folder} is not the one that {run} was trained on; merging would ruin it."
            ).format(folder=base, run=run.name)
        )
    return Trained(run, adapter, step, Path(base), request)


def find_weights(run: Path) -> tuple[Path, int | None]:
    """The folder of what ``run`` has trained, an adapter or a whole model, and its step if it is only a checkpoint's.

    Raises BadInput when nothing has been saved yet.
    """
    from tarot_tui.jobs.spec import read_spec

    request = read_spec(run).get("request") or {}
    return _whole_model(run) if request.get("finetuning_type") == "full" else find_adapter(run)


def _whole_model(run: Path) -> tuple[Path, int | None]:
    """The folder of a model that was trained whole, and the step where it is only a checkpoint."""
    from tarot_tui.training.base import check
    from tarot_tui.training.engines.checkpoints import last_complete, step_of

    try:
        return check(run.absolute()), None
    except BadInput:
        if checkpoint := last_complete(run):
            return check(checkpoint.absolute()), step_of(checkpoint)
        raise BadInput(
            _("{run} has no model yet: wait until it has saved a checkpoint, or train it first.").format(
                run=run.name
            )
        ) from None


def find_adapter(run: Path) -> tuple[Path, int | None]:
    """The folder that holds the adapter of ``run``: its own, or its last whole checkpoint's, and that one's step.

    Raises BadInput when nothing has been saved yet, or the whole model was trained.
    """
    if all((run / name).is_file() for name in _ADAPTER):
        return run, None
    steps = sorted(
        (
            int(match[1])
            for folder in run.glob("checkpoint-*")
            if (match := re.fullmatch(r"checkpoint-(\d+)", folder.name))
        ),
        reverse=True,
    )
    for step in steps:
        folder = run / f"checkpoint-{step}"
        # The trainer's state is written after the weights: a checkpoint with it is whole.
        if all((folder / name).is_file() for name in (*_ADAPTER, "trainer_state.json")):
            return folder, step
    if (run / "model.safetensors").is_file():
        raise BadInput(
            _(
                "{run} trained the whole model and has no adapter: 'tarot-tui export' makes a release of it."
            ).format(run=run.name)
        )
    raise BadInput(
        _("{run} has no adapter yet: wait until it has saved a checkpoint, or train it first.").format(
            run=run.name
        )
    )


def check_quants(quants: list[str]) -> list[str]:
    """``quants`` as we spell them, without repetition. Raises BadInput for an unknown one."""
    found = []
    for quant in quants:
        known = quant.strip().lower().replace("-", "_")
        if known not in all_names():
            raise BadInput(
                _("'{quant}' is not a quantisation; there are {known}.").format(
                    quant=one_line(quant, 30), known=", ".join(all_names())
                )
            )
        found.append(known)
    return list(dict.fromkeys(found))


def default_quant(base: Path) -> str:
    """What suits a base: q8_0 for a small one, else q4_k_m."""
    return "q8_0" if parameters(base) < SMALL else "q4_k_m"


def parameters(base: Path) -> int:
    """About how many parameters a base has, from the size of its weights and its dtype."""
    from tarot_tui.training.base import weights

    try:
        config = json.loads((base / "config.json").read_text("utf-8"))
        dtype = str(config.get("dtype") or config.get("torch_dtype"))
    except (OSError, ValueError, AttributeError):
        dtype = ""
    return sum(path.stat().st_size for path in weights(base)) // (4 if "float32" in dtype else 2)
