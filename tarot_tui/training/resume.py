"""Going on with a run whose recipe was changed meanwhile: what takes effect, what does not, and what cannot be.

A run goes on with the optimiser, the scheduler's place and the random states of its checkpoint. What those rest on stays
as it was; what only decides how long, how often and how cheaply may change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tarot_tui.errors import Refused
from tarot_tui.jobs import daemon, files, retry, status
from tarot_tui.jobs.slurm import is_slurms
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.training.engines.checkpoints import last_complete, step_of
from tarot_tui.training.engines.choice import engine_of, plan_with
from tarot_tui.training.ladder import RECIPE, retries
from tarot_tui.training.launch import facts_of, judged
from tarot_tui.training.launch_files import launch_files
from tarot_tui.training.parallel import Layout, layout_of
from tarot_tui.training.plan import Plan
from tarot_tui.training.recipe import Recipe, changed, dump, load
from tarot_tui.training.runs import recipe_of
from tarot_tui.training.slurm import elsewhere
from tarot_tui.training.unchanged import refuse_another_base, refuse_other_samples

#: Keys that take effect at once.
_NOW = {
    "max_steps",
    "num_train_epochs",
    "lr_scheduler_type",
    "warmup_steps",
    "warmup_ratio",
    "max_grad_norm",
    "logging_steps",
    "save_steps",
    "save_total_limit",
    "eval_steps",
    "per_device_eval_batch_size",
    "early_stopping_steps",
    "load_best_model_at_end",
    "sample_answers",
    "report_to",
    "flash_attn",
    "gradient_checkpointing",
    "allow_truncation",
    "on_oom",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
}
#: Keys whose value the checkpoint's optimiser brings along.
_FROM_CHECKPOINT = {"learning_rate", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon"}

Effect = Literal["now", "checkpoint"]


@dataclass(frozen=True)
class Change:
    """One key of the recipe that is another than when the run began; ``checkpoint``: that one's value goes on."""

    key: str
    before: Any
    after: Any
    effect: Effect

    def sentence(self) -> str:
        """What becomes of it."""
        what = f"{self.key}: {_shown(self.before)} → {_shown(self.after)}"
        if self.effect == "now":
            return _("{change} takes effect from here on.").format(change=what)
        return _(
            "{change} does not take effect: the checkpoint goes on with its own; 'tarot-tui continue' begins a new run with it."
        ).format(change=what)


def changes(project: Project, folder: Path, overrides: Iterable[str] = ()) -> list[Change]:
    """What is asked for now and was not when the run began: an edited ``recipe.yaml`` in its folder, and ``overrides``.

    Raises BadInput for a broken recipe, Refused when a change would make another run of it.
    """
    before = recipe_of(folder)
    edited = folder / RECIPE
    after = changed(load(project, edited) if edited.is_file() else before, overrides)
    resumed = _checkpoint(folder) is not None
    found = [
        Change(key, getattr(before, key), getattr(after, key), _effect(key, resumed))
        for key in Recipe.model_fields
        if getattr(before, key) != getattr(after, key)
    ]
    if resumed:
        _refuse_nonsense(folder, before, after, {change.key for change in found})
    return found


def apply(
    project: Project,
    folder: Path,
    found: list[Change],
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Write what takes effect into the run's ``job.yaml`` and ``recipe.yaml``, before it is started again.

    Planned anew, so that number of steps and findings are right. Raises Refused when the plan speaks against it, the
    base or a dataset has changed too, the steps are done already, or the run is just being started.
    """
    if status.read(folder).alive:
        raise Refused(_("{job} still runs: stop it before its recipe is changed.").format(job=folder.name))
    taken = {change.key: change.after for change in found if change.effect == "now"}
    recipe = Recipe.model_validate({**recipe_of(folder).model_dump(), **taken})
    request = retry.in_force(folder, read_spec(folder)["request"])
    new: dict[str, Any] = {}
    launched: dict[str, str] = {}
    if taken:
        parallel, device = layout_of(request), request["device"]["kind"]
        plan = _plan(project, folder, recipe, parallel, request, say)
        facts = facts_of(plan)
        if checkpoint := _checkpoint(folder):
            _refuse_another_run(folder, request, plan, step_of(checkpoint))
            facts = {"steps": plan.steps}
        else:
            launched = launch_files(project, recipe, parallel, cpu=device == "cpu")
        ladder = retries(recipe, device, plan.length, plan.steps, parallel.num_processes)
        new = {"request": {**request, **taken, **facts}, "total": plan.steps, **ladder}
    handle = daemon.lock(folder / files.LOCK)
    if handle is None:
        raise Refused(_("{job} is just being started.").format(job=folder.name))
    try:
        if taken:
            rewrite(folder, **new)
            retry.forget(folder)
        for name, text in launched.items():
            write_text(folder / name, text)
        write_text(folder / RECIPE, dump(recipe))
    finally:
        daemon.unlock(handle)


def _effect(key: str, resumed: bool) -> Effect:
    return "checkpoint" if resumed and key in _FROM_CHECKPOINT else "now"


def _refuse_nonsense(folder: Path, before: Recipe, after: Recipe, keys: set[str]) -> None:
    for key in sorted(keys - _NOW - _FROM_CHECKPOINT):
        raise Refused(
            _(
                "{key} cannot change within a run: {job} began with {before}. 'tarot-tui restart' or 'continue' takes {after} in a new run."
            ).format(
                key=key,
                job=folder.name,
                before=_shown(getattr(before, key)),
                after=_shown(getattr(after, key)),
            )
        )
    if _batch(before) != _batch(after):
        raise Refused(
            _(
                "per_device_train_batch_size × gradient_accumulation_steps must stay {before} within a run, not become {after}."
            ).format(before=_batch(before), after=_batch(after))
        )


def _plan(
    project: Project,
    folder: Path,
    recipe: Recipe,
    parallel: Layout,
    request: dict[str, Any],
    say: Callable[[str], None],
) -> Plan:
    """The plan for where the run goes on. Raises Refused when it speaks against that."""
    plan = plan_with(engine_of(folder), project, recipe, say)
    if is_slurms(folder):
        plan = replace(elsewhere(plan, {}), device=request["device"])
    plan = judged(project, recipe, plan, parallel)
    if plan.refused:
        raise Refused(_("Not resumed: {reason}").format(reason=plan.findings[0].text))
    return plan


def _checkpoint(folder: Path) -> Path | None:
    """What the run would go on from."""
    return last_complete(folder, layout_of(read_spec(folder).get("request") or {}).num_processes)


def _refuse_another_run(folder: Path, request: dict[str, Any], plan: Plan, done: int) -> None:
    refuse_another_base(plan.base, plan.base_fingerprint, request)
    refuse_other_samples(plan.dataset_sha256, request)
    if plan.steps <= done:
        raise Refused(
            _("{job} has made {step} steps already: {steps} would leave nothing to do.").format(
                job=folder.name, step=done, steps=plan.steps
            )
        )


def _batch(recipe: Recipe) -> int:
    return recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps


def _shown(value: Any) -> str:
    if value in (None, []):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
