"""A recipe becomes a run of LLaMA-Factory: planned, written down, ready to start."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, worst_first
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import size
from tarot_tui.training import launch
from tarot_tui.training.activations import Batch, Ways
from tarot_tui.training.device import Device, Precision, choose
from tarot_tui.training.engines.llamafactory import arguments, environments
from tarot_tui.training.engines.llamafactory.environments import NAME, Environment
from tarot_tui.training.memory import Memory, of_batch
from tarot_tui.training.parallel import Layout
from tarot_tui.training.plan import Plan, plan_in_child
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import shape_of

_ALONE = Layout()
#: What the plan says of our own engine and our own packages.
_NATIVE = {
    "memory.over",
    "quantization_bit.missing",
    "report_to.missing",
    "optim.missing",
    "flash_attn.missing",
}
#: The estimate is right within this share. Measured on a CPU: SmolLM2-135M in rows of 210 tokens took 0.76 to 0.80 of it,
#: with and without checkpointing, two and six at a time; a model of 3 M parameters 1.08.
_BAND = 0.25
#: Bytes of main memory that its libraries take beyond ours.
_MORE_LIBRARIES = 380_000_000
#: Bytes a score: itself and its gradient, and the softmax in fp32; in 16 bits also a copy in fp32.
_A_SCORE = 12
#: It makes the length of a batch a multiple of this many tokens.
_PADDED_TO = 8


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
    """The native engine's plan with what LLaMA-Factory does otherwise: its memory, and the packages that it has."""
    needed = needs(plan, recipe)
    text = _(
        "LLaMA-Factory {version} trains on exactly these tokens; its own template, cut and packing have no part in it."
    )
    found = [one for one in plan.findings if one.id not in _NATIVE]
    found.append(Finding("llamafactory.tokens", "info", text.format(version=environment.version)))
    found += _findings(plan, recipe, needed, environment)
    return replace(
        plan,
        memory=needed.as_dict(),
        memory_bytes=needed.total,
        # Only a run of its own would say how fast it is.
        seconds_estimate=None,
        seconds_from="",
        findings=worst_first(found),
    )


def needs(plan: Plan, recipe: Recipe) -> Memory:
    """The memory it takes: padded rows, scores of every token over the whole vocabulary, layers as transformers has them."""
    rows = min(recipe.per_device_train_batch_size, max(plan.samples, 1))
    longest = recipe.cutoff_len if recipe.packed else min(plan.length["max"], recipe.cutoff_len)
    padded = math.ceil(longest / _PADDED_TO) * _PADDED_TO
    shape = shape_of(Path(plan.base))
    ways = Ways(rows=False, loss=False, lora=False, norms=False)
    batch = Batch(rows, padded, rows * padded)
    precision: Precision = plan.precision  # type: ignore[assignment]
    needed = of_batch(shape, recipe, batch, ways, precision, Device(**plan.device))
    return replace(
        needed,
        logits=batch.tokens * shape.vocabulary * _A_SCORE,
        context=needed.context + (_MORE_LIBRARIES if plan.device["kind"] == "cpu" else 0),
        band=_BAND,
    )


def _findings(plan: Plan, recipe: Recipe, needed: Memory, environment: Environment) -> Iterator[Finding]:
    free = plan.device["free"]
    if needed.high > free:
        yield Finding(
            "memory.over",
            "error" if needed.low > free else "warning",
            _("It needs about {low} to {high} of memory; {device} has {free} free.").format(
                low=size(needed.low), high=size(needed.high), device=plan.device["name"], free=size(free)
            ),
            fix=_smaller(recipe),
        )
    if plan.device["kind"] == "cuda" and "+cpu" in environment.versions.get("torch", ""):
        yield Finding(
            "llamafactory.torch_cpu",
            "error",
            _("LLaMA-Factory's PyTorch is built without CUDA: it would train on the processor."),
            fix="tarot-tui engines install llamafactory",
        )
    for key, package in _wanted(recipe):
        if package not in environment.versions:
            yield Finding(
                f"{key}.missing",
                "error",
                _(
                    "{key} needs the package {package}, which LLaMA-Factory's environment does not have."
                ).format(key=key, package=package),
                fix=f"{environment.python} -m pip install {package}",
            )
    if recipe.group_by_length:
        text = _("LLaMA-Factory has an order of its own for samples of like length; the steps are as many.")
        yield Finding("llamafactory.order", "info", text)
    if recipe.sample_answers:
        text = _("After LLaMA-Factory's training nobody is asked; 'tarot-tui chat NAME --compare' does it.")
        yield Finding("llamafactory.answers", "info", text)


def _wanted(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The keys of ``recipe`` that ask for a package, and which."""
    if recipe.quantization_bit:
        yield "quantization_bit", "bitsandbytes"
    if recipe.enable_liger_kernel:
        yield "enable_liger_kernel", "liger-kernel"
    if recipe.optim.endswith("8bit"):
        yield "optim", "bitsandbytes"
    if recipe.flash_attn == "fa2":
        yield "flash_attn", "flash-attn"
    if recipe.report_to != "none":
        yield "report_to", recipe.report_to


def _smaller(recipe: Recipe) -> str:
    rows = recipe.per_device_train_batch_size
    if not recipe.gradient_checkpointing:
        return "gradient_checkpointing: true"
    if rows == 1:
        return "" if recipe.quantization_bit else "quantization_bit: 4"
    steps = recipe.gradient_accumulation_steps * rows
    return f"per_device_train_batch_size: 1, gradient_accumulation_steps: {steps}"


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
    }
    spec = read_spec(folder)
    rewrite(
        folder,
        argv=["{python}", "-m", "tarot_tui.training.engines.llamafactory.starter"],
        request={**spec["request"], **engine},
        versions={"tarot-tui": spec["versions"]["tarot-tui"], **environment.versions},
    )
    for unused in folder.glob("accelerate*.yaml"):
        unused.unlink()
    return folder
