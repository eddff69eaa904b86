"""What a recipe will really do here: steps, tokens, what is cut, memory, disk, time, and what speaks against it.

Computed from the very samples that will be trained on. :func:`plan_in_child` does it in a process of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tarot_tui.findings import Finding, has_errors, worst_first
from tarot_tui.jobs import gpus
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.training import base, child, measured, memory, template_check
from tarot_tui.training.adapter import find_adapter
from tarot_tui.training.adapter import findings as adapter_findings
from tarot_tui.training.device import choose, precision
from tarot_tui.training.packages import missing
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import shape_of
from tarot_tui.training.targets import unknown_modules


@dataclass(frozen=True)
class Plan:
    """All numbers are of the whole run unless they say otherwise.

    base, base_fingerprint: the folder of the model, and what it is known again by (:func:`.base.fingerprint`).
    dataset_sha256: by dataset. device, precision: what it would run on and in. samples, held_out: that are learned,
    and only measured on. tokens, supervised_tokens: of one epoch, without padding, and those of them that are
    learned. length: median, 95th percentile and maximum of tokens a sample, before the cut. truncated: samples longer
    than cutoff_len; answers_cut: those of them that lose a part of an answer or its end. tokens_seen: in all steps, again
    without padding. evaluations, checkpoints: after which steps. memory: what :meth:`.memory.Memory.as_dict` says.
    disk_bytes: the most that the checkpoints take. seconds_estimate: None unless ``seconds_from``, an earlier run or
    probe with this model here, says how fast it goes. adapter_sha256: of the adapter that is trained further; empty for
    a fresh one.
    """

    base: str
    base_fingerprint: str
    dataset_sha256: dict[str, str]
    device: dict[str, Any]
    precision: str
    parameters: int
    trainable: int
    samples: int
    held_out: int
    steps: int
    steps_per_epoch: int
    warmup: int
    loss_points: int
    evaluations: list[int]
    checkpoints: list[int]
    tokens: int
    supervised_tokens: int
    tokens_seen: int
    length: dict[str, int]
    truncated: int
    answers_cut: int
    memory: dict[str, Any]
    memory_bytes: int
    disk_bytes: int
    disk_free: int
    seconds_estimate: float | None = None
    seconds_from: str = ""
    adapter_sha256: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether a finding forbids to start."""
        return has_errors(self.findings)

    def once_free(self) -> Plan:
        """The plan for a device that nobody else uses by then: memory that is in use now does not count."""
        if self.memory["low"] > self.device["total"]:
            return self
        return replace(self, findings=[one for one in self.findings if one.id != "memory.over"])

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON-ready keys and values."""
        return asdict(self)


def from_dict(found: dict[str, Any]) -> Plan:
    """The plan that :meth:`Plan.as_dict` gave."""
    return Plan(**{**found, "findings": [Finding(**finding) for finding in found["findings"]]})


def make_plan(project: Project, recipe: Recipe, folder: Path) -> Plan:
    """The plan of ``recipe`` for the base model in ``folder``, here and now.

    Raises BadInput for a broken model or dataset, Refused when the chat template cannot render the dataset.
    """
    from tarot_tui.training.checks import Facts, findings
    from tarot_tui.training.lengths import percentiles
    from tarot_tui.training.order import tokens_seen
    from tarot_tui.training.packing import items, tokens
    from tarot_tui.training.samples import prepare
    from tarot_tui.training.schedule import schedule

    samples = prepare(project, recipe, folder)
    shape = shape_of(folder)
    device = choose(gpus.claimed(project))
    kind = precision(recipe, device)
    trainable = memory.trainable(shape, recipe)
    drawn = items(recipe, samples.train)
    times = schedule(recipe, len(drawn))
    print_of_base = base.fingerprint(folder)
    before = measured.experiences(project)
    wanted = measured.asked(recipe, print_of_base, device.name, kind)
    needed = memory.estimate(shape, recipe, drawn, kind, device)
    facts = Facts(
        recipe=recipe,
        samples=samples,
        schedule=times,
        device=device,
        precision=kind,
        memory=measured.corrected(needed, before, wanted),
        positions=shape.positions,
        parameters=shape.parameters,
        trainable=trainable,
        disk=_disk(folder, recipe, needed, len(times.checkpoints), measured=bool(samples.evaluation)),
        free_disk=shutil.disk_usage(project.root).free,
    )
    lengths = [tokens(item) for item in drawn]
    seen = tokens_seen(recipe, lengths, times.steps, times.per_epoch)
    speed, run = measured.speed(before, wanted)
    every = facts.all_samples
    adapter = find_adapter(project, recipe) if recipe.adapter_name_or_path else None
    doubts = [
        *missing(recipe),
        *unknown_modules(recipe, shape),
        *template_check.findings(project, recipe, folder),
    ]
    if adapter:
        doubts += adapter_findings(adapter, recipe, print_of_base)
    return Plan(
        base=str(folder),
        base_fingerprint=print_of_base,
        dataset_sha256=samples.sha256,
        device=device.as_dict(),
        precision=kind,
        parameters=shape.parameters,
        trainable=trainable,
        samples=len(samples.train),
        held_out=len(samples.evaluation),
        steps=times.steps,
        steps_per_epoch=times.per_epoch,
        warmup=times.warmup,
        loss_points=times.loss_points,
        evaluations=list(times.evaluations) if samples.evaluation else [],
        checkpoints=list(times.checkpoints),
        tokens=sum(lengths),
        supervised_tokens=sum(sample.supervised for sample in samples.train),
        tokens_seen=seen,
        length=percentiles([sample.length for sample in every]),
        truncated=sum(sample.length > recipe.cutoff_len for sample in every),
        answers_cut=sum(sample.cut > 0 for sample in every),
        memory=facts.memory.as_dict(),
        memory_bytes=facts.memory.total,
        disk_bytes=facts.disk,
        disk_free=facts.free_disk,
        seconds_estimate=seen / speed if speed else None,
        seconds_from=run if speed else "",
        adapter_sha256=adapter.sha256() if adapter else "",
        findings=worst_first(findings(facts) + doubts),
    )


def plan_in_child(project: Project, recipe: Recipe, say: Callable[[str], None] = lambda line: None) -> Plan:
    """:func:`make_plan` in a process of its own, which also finds the base model and fetches it if need be.

    ``say`` is told of whatever takes long. Raises what :func:`.base.locate` and :func:`make_plan` raise.
    """
    request = {"project": str(project.root.resolve()), "recipe": recipe.model_dump()}
    failed = _("The plan could not be made: {reason}")
    return from_dict(child.ask("tarot_tui.training.plan", request, failed, say))


def _disk(folder: Path, recipe: Recipe, needed: memory.Memory, checkpoints: int, *, measured: bool) -> int:
    """Bytes: each checkpoint holds what is learned and the optimiser, the run itself what is learned; and the tokenizer."""
    # Trainer writes a new checkpoint before it deletes the oldest.
    kept = min(checkpoints, recipe.kept_checkpoints(measured=measured) + 1)
    tokenizer = sum(path.stat().st_size for path in folder.glob("tokenizer*"))
    return kept * (needed.trainable + needed.optimizer + tokenizer) + needed.trainable + tokenizer


def _plan(request: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    project, recipe = Project(Path(request["project"])), Recipe.model_validate(request["recipe"])
    folder = base.locate(recipe.model_name_or_path, say, project.root)
    child.hide_torch()
    return make_plan(project, recipe, folder).as_dict()


if __name__ == "__main__":
    child.serve(_plan)
