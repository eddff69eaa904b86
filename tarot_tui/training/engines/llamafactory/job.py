"""A recipe becomes a run of LLaMA-Factory: planned, written down, ready to start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, worst_first
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import size
from tarot_tui.training import launch, memory
from tarot_tui.training.device import choose
from tarot_tui.training.engines.llamafactory import arguments, environments
from tarot_tui.training.engines.llamafactory.environments import NAME, Environment
from tarot_tui.training.parallel import Layout
from tarot_tui.training.plan import Plan, plan_in_child
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import shape_of

_ALONE = Layout()
#: Of the share by which an estimate may be wrong.
_BAND = memory.BAND


def plan(project: Project, recipe: Recipe, say: Callable[[str], None] = lambda line: None) -> Plan:
    """What LLaMA-Factory will do of ``recipe``: the same steps and tokens as anybody, in more memory.

    Raises Refused when it is not installed or cannot do what a key says, and what :func:`.plan.plan_in_child` raises.
    """
    environment = environments.current()
    arguments.check(project, recipe)
    on_cpu = choose().kind == "cpu"
    if on_cpu and (recipe.bf16 or recipe.fp16):
        raise BadInput(_("LLaMA-Factory computes in bf16 and fp16 on GPUs only: leave both empty."))
    asked = recipe.model_copy(update={"bf16": False, "fp16": False}) if on_cpu else recipe
    return adapted(plan_in_child(project, asked, say), recipe, environment)


def adapted(plan: Plan, recipe: Recipe, environment: Environment) -> Plan:
    """The native engine's plan with what LLaMA-Factory does otherwise: it computes scores of every token."""
    rows = min(recipe.per_device_train_batch_size, max(plan.samples, 1))
    longest = min(plan.length["max"], recipe.cutoff_len)
    vocabulary = shape_of(Path(plan.base)).vocabulary
    width = 4 if plan.precision == "fp32" else 2
    more = max(0, rows * longest * vocabulary * (2 * width + 8) - plan.memory["logits"])
    parts = {
        "logits": plan.memory["logits"] + more,
        "low": plan.memory["low"] + round(more * (1 - _BAND)),
        "high": plan.memory["high"] + round(more * (1 + _BAND)),
    }
    text = _(
        "LLaMA-Factory {version} trains on exactly these tokens; its own template, cut and packing have no part in it."
    )
    found = [
        *plan.findings,
        Finding("llamafactory.tokens", "info", text.format(version=environment.version)),
        *_findings(plan, more, environment),
    ]
    return replace(
        plan,
        memory={**plan.memory, **parts},
        memory_bytes=plan.memory_bytes + more,
        # Only a run of its own says how fast it is.
        seconds_estimate=None,
        seconds_from="",
        findings=worst_first(found),
    )


def _findings(plan: Plan, more: int, environment: Environment) -> list[Finding]:
    found = []
    if more > plan.memory["logits"]:
        text = _(
            "LLaMA-Factory scores every token against the whole vocabulary, also where nothing is learned: {size} more."
        )
        found.append(Finding("llamafactory.logits", "info", text.format(size=size(more))))
    if plan.device["kind"] == "cuda" and "+cpu" in environment.versions.get("torch", ""):
        found.append(
            Finding(
                "llamafactory.torch_cpu",
                "error",
                _("LLaMA-Factory's PyTorch is built without CUDA: it would train on the processor."),
                fix="tarot-tui engines install llamafactory",
            )
        )
    return found


def make(
    project: Project, recipe: Recipe, plan: Plan, slug: str | None = None, parallel: Layout = _ALONE
) -> Path:
    """The job's folder, ready to start; its request also says ``engine``, ``engine_python`` and ``engine_version``.

    Raises what :func:`.launch.make_job` raises, and BadInput for several machines.
    """
    if parallel.num_machines > 1:
        raise BadInput(_("LLaMA-Factory runs on one machine here: train with --engine native on several."))
    environment = environments.current()
    folder = launch.make_job(project, recipe, plan, slug, parallel)
    engine = {
        "engine": NAME,
        "engine_python": str(environment.python),
        "engine_version": environment.version,
        "engine_packages": environment.versions,
    }
    spec = read_spec(folder)
    rewrite(
        folder,
        argv=["{python}", "-m", "tarot_tui.training.engines.llamafactory.starter"],
        request={**spec["request"], **engine},
    )
    for unused in folder.glob("accelerate*.yaml"):
        unused.unlink()
    return folder
