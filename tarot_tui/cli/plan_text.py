"""A plan as people read it: its figures in two columns, and each finding with the exact command that mends it."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from tarot_tui.cli.output import findings
from tarot_tui.cli.parallel import launch_words
from tarot_tui.locale import _
from tarot_tui.text import duration, size

if TYPE_CHECKING:
    from tarot_tui.findings import Finding
    from tarot_tui.training.plan import Plan
    from tarot_tui.training.recipe import Recipe


def plan_lines(recipe: Recipe, plan: Plan) -> list[str]:
    """The plan for people, within 80 columns."""
    rows = [
        (_("model"), _model(recipe, plan)),
        (_("device"), f"{plan.device['name']}, {plan.precision}"),
        (_("samples"), _samples(plan)),
        (
            _("tokens"),
            _("{tokens:,} an epoch, {share:.0%} of them learned").format(
                tokens=plan.tokens, share=plan.supervised_tokens / max(plan.tokens, 1)
            ),
        ),
        (
            _("length"),
            _("median {p50}, p95 {p95}, longest {max} of {cutoff}").format(
                **plan.length, cutoff=recipe.cutoff_len
            ),
        ),
        (
            _("cut"),
            _("{cut} samples, {answers} answers").format(cut=plan.truncated, answers=plan.answers_cut),
        ),
        (
            _("steps"),
            _("{steps} ({epoch} an epoch), {warmup} of them warm-up").format(
                steps=plan.steps, epoch=plan.steps_per_epoch, warmup=plan.warmup
            ),
        ),
        (_("tokens seen"), f"{plan.tokens_seen:,}"),
        (_("loss curve"), _("{count} points").format(count=plan.loss_points)),
        *([(_("measured"), _measured(recipe, plan))] if plan.evaluations else []),
        (_("checkpoints"), _checkpoints(recipe, plan)),
        (_("memory"), _memory(plan)),
        ("", _parts(plan)),
        (
            _("disk"),
            _("up to {needed}; {free} free").format(needed=size(plan.disk_bytes), free=size(plan.disk_free)),
        ),
        (_("time"), _time(plan)),
    ]
    return _aligned(rows)


def typed(args: Namespace, more: Iterable[str] = ()) -> str:
    """What was typed, as far as it says what is trained, with ``more`` words behind it, quoted for a shell."""
    # What is trained is called RECIPE by 'train', and RUN by the verbs that train what comes after one.
    what = vars(args).get("recipe") or vars(args).get("run")
    words = [*args.command.split(), *([what] if what else [])]
    for override in args.overrides:
        words += ["--set", override]
    words += launch_words(args)
    if args.project:
        words += ["--project", str(args.project)]
    return shlex.join([*words, *more])


def mending(args: Namespace, found: list[Finding]) -> list[str]:
    """Findings as lines; a fix that changes the recipe is said as the command that makes the change."""
    from tarot_tui.training.fixes import all_changes, changes

    last = ["--dry-run"] if args.dry_run else []

    def command(sets: dict[str, str]) -> str:
        given = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
        return typed(args, [*given, *last])

    said = [replace(one, fix=command(sets)) if (sets := changes(one.fix)) else one for one in found]
    lines = findings(said)
    if sum(bool(changes(one.fix)) for one in found) > 1:
        lines.append(_("All of these at once: {command}").format(command=command(all_changes(found))))
    return lines


def _model(recipe: Recipe, plan: Plan) -> str:
    if recipe.finetuning_type == "full":
        kind = _("all of it")
    else:
        kind = f"QLoRA {recipe.quantization_bit} bit" if recipe.quantization_bit else "LoRA"
    return _("{name} ({all}), {kind} {part}").format(
        name=recipe.model_name_or_path.rpartition("/")[2],
        all=_count(plan.parameters),
        kind=kind,
        part=_count(plan.trainable),
    )


def _count(number: int) -> str:
    for unit, value in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= value:
            return f"{number / value:.3g} {unit}"
    return str(number)


def _samples(plan: Plan) -> str:
    if plan.held_out:
        return _("{count}, and {held_out} only measured on").format(
            count=plan.samples, held_out=plan.held_out
        )
    return str(plan.samples)


def _checkpoints(recipe: Recipe, plan: Plan) -> str:
    kept = min(len(plan.checkpoints), recipe.kept_checkpoints(measured=plan.held_out > 0))
    return _("{count}, every {every} steps and at the end; {kept} kept").format(
        count=len(plan.checkpoints), every=recipe.save_steps, kept=kept
    )


def _measured(recipe: Recipe, plan: Plan) -> str:
    return _("{count} times, every {every} steps and at the end").format(
        count=len(plan.evaluations), every=recipe.measuring_steps
    )


def _memory(plan: Plan) -> str:
    said = _("{low} to {high}; {free} free").format(
        low=size(plan.memory["low"]), high=size(plan.memory["high"]), free=size(plan.device["free"])
    )
    if run := plan.memory.get("measured"):
        said += _(", measured in {run}").format(run=run)
    return said


def _parts(plan: Plan) -> str:
    names = {
        "weights": _("weights"),
        "trainable": _("what is learned"),
        "gradients": _("gradients"),
        "optimizer": _("optimiser"),
        "activations": _("activations"),
        "logits": _("logits"),
        "context": _("libraries"),
    }
    # Number and unit stay on one line.
    return _(", ").join(
        f"{names[part]} {size(plan.memory[part])}".replace(" ", "\N{NO-BREAK SPACE}")
        for part in names
        if plan.memory[part]
    )


def _time(plan: Plan) -> str:
    if plan.seconds_estimate is None:
        return _("not known before a first run of this model here")
    return _("about {time}, as fast as {run} was").format(
        time=duration(plan.seconds_estimate), run=plan.seconds_from
    )


def _aligned(rows: Iterable[tuple[str, str]], width: int = 80) -> list[str]:
    """Labels and values in two columns; values are wrapped at commas and spaces, wide characters counted as two."""
    from rich.cells import cell_len

    rows = list(rows)
    label = max(cell_len(name) for name, _value in rows)
    lines = []
    for name, value in rows:
        head = name + " " * (label - cell_len(name)) + "  "
        for part in wrapped(value, width - label - 2):
            lines.append((head + part).rstrip())
            head = " " * (label + 2)
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells; a no-break space does not end one."""
    from tarot_tui.line_breaks import broken

    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in broken(text, width)]
