"""What earlier runs and probes on this machine have shown: how much memory they took at their peak, and how fast they were."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs import files
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.metrics import last_metrics
from tarot_tui.jobs.spec import read_spec
from tarot_tui.project import Project, cache_dir, write_text
from tarot_tui.training.memory import Memory
from tarot_tui.training.recipe import Recipe

#: Runs that are looked at, and probes that are kept, the latest ones.
_RUNS, _PROBES = 20, 100
#: What must be the same for a peak to say something: it decides what is kept in memory, and in which precision.
_SAME_KIND = (
    "finetuning_type", "quantization_bit", "gradient_checkpointing", "flash_attn", "optim", "use_dora", "pure_bf16",
    "enable_liger_kernel", "additional_target",
)  # fmt: skip
#: And for a speed; with dropout peft computes the matrices, not our own kernels.
_SAME_SPEED = (
    *_SAME_KIND, "lora_rank", "lora_target", "lora_dropout", "packing", "neat_packing", "group_by_length",
)  # fmt: skip
#: How far a corrected estimate may be off: for the same setting, and for another of the same kind.
_BAND_SAME, _BAND_KIND = 0.08, 0.15
#: A peak that is further off the estimate than this was of something else.
_RATIOS = (0.3, 3.0)


@dataclass(frozen=True)
class Experience:
    """One run or probe. source: its name. asked: the recipe's values, ``base_fingerprint``, ``device`` (its name) and
    ``precision``. peak, estimated: bytes, 0 when unknown. speed: tokens a second, 0 when unknown."""

    source: str
    asked: dict[str, Any]
    peak: int = 0
    estimated: int = 0
    speed: float = 0.0

    def is_like(self, asked: Mapping[str, Any], names: Iterable[str]) -> bool:
        """Whether it was asked for the same on the same base and device, as far as ``names`` go."""
        always = ("base_fingerprint", "device", "precision")
        return all(self.asked.get(name) == asked.get(name) for name in (*always, *names))


def asked(recipe: Recipe, base_fingerprint: str, device: str, precision: str) -> dict[str, Any]:
    """What an :class:`Experience` is compared by."""
    found = {"base_fingerprint": base_fingerprint, "device": device, "precision": precision}
    return recipe.model_dump() | found


def experiences(project: Project) -> list[Experience]:
    """Those of this project's runs and of this machine's probes, the latest first."""
    return [*_of_probes(), *_of_runs(project)]


def corrected(memory: Memory, found: Iterable[Experience], wanted: Mapping[str, Any]) -> Memory:
    """``memory`` with what the most similar run or probe took more or less than it was estimated to."""
    alike = [
        one for one in found if one.peak and one.estimated and one.is_like(wanted, _SAME_KIND)
        and _RATIOS[0] < one.peak / one.estimated < _RATIOS[1]
    ]  # fmt: skip
    if not alike:
        return memory

    def distance(one: Experience) -> float:
        return abs(math.log(one.estimated / memory.estimated))

    nearest = min(alike, key=distance)
    band = _BAND_SAME if distance(nearest) < 0.02 else _BAND_KIND
    return replace(memory, correction=nearest.peak / nearest.estimated, band=band, measured=nearest.source)


def speed(found: Iterable[Experience], wanted: Mapping[str, Any]) -> tuple[float, str]:
    """Tokens a second of the latest run or probe like this, and its name; (0, "") when there was none."""
    for one in found:
        if one.speed > 0 and one.is_like(wanted, _SAME_SPEED):
            return one.speed, one.source
    return 0.0, ""


def remember(experience: Experience) -> None:
    """Keep what a probe has shown, in place of an earlier one that was asked for the same."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps(experience.asked, sort_keys=True).encode()).hexdigest()[:16]
    write_text(folder / f"{key}.json", json.dumps(asdict(experience) | {"time": time.time()}))
    for old in _latest_first(folder)[_PROBES:]:
        old.unlink(missing_ok=True)


def _folder() -> Path:
    return cache_dir() / "probes"


def _latest_first(folder: Path) -> list[Path]:
    def written(path: Path) -> float:
        with suppress(OSError):
            return path.stat().st_mtime
        return 0.0

    return sorted(folder.glob("*.json"), key=written, reverse=True)


def _of_probes() -> Iterator[Experience]:
    for path in _latest_first(_folder()):
        with suppress(OSError, ValueError, TypeError):
            found = json.loads(path.read_text("utf-8"))
            found.pop("time", None)
            yield Experience(**found)


def _of_runs(project: Project) -> Iterator[Experience]:
    for job in reversed(all_jobs(project, "train")[-_RUNS:]):
        with suppress(BadInput, KeyError, TypeError, ValueError, AttributeError):
            yield _of_run(job)


def _of_run(job: Path) -> Experience:
    request = read_spec(job).get("request") or {}
    if request.get("engine", "native") != "native" or request.get("parallel", {}).get("num_processes", 1) > 1:
        return Experience(job.name, {})
    # A run that was begun again may have been given less to hold than it was planned for.
    first = files.read_json(job / files.STATUS).get("attempt", 1) == 1
    throughput = last_metrics(job / files.METRICS).get("throughput")
    return Experience(
        job.name,
        {**request, "device": request["device"]["name"]},
        peak=int(files.read_json(job / files.RESULT).get("peak") or 0) if first else 0,
        estimated=int((request.get("memory") or {}).get("estimated") or 0),
        speed=float(throughput) if isinstance(throughput, int | float) else 0.0,
    )
