"""A recipe out of what people have already: LLaMA-Factory's YAML, its web page's saved settings, a tutorial's command.

Every argument is taken over, mended, or named as left out; each change is a finding that says why. What depends on the
samples (answers that are cut, how many steps there really are, memory) is the plan's to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tarot_tui.findings import Finding, has_errors, worst_first
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.training.device import Device, choose
from tarot_tui.training.importing import keys, method, model, numbers
from tarot_tui.training.importing.draft import Check, Draft
from tarot_tui.training.importing.forms import Form, read
from tarot_tui.training.importing.names import BOARD_DEFAULTS, DEFAULTS
from tarot_tui.training.presets import shown
from tarot_tui.training.recipe import Recipe, parse_override, validate

# First what a value is by itself; once all are allowed, what they come to together, the steps before what hangs on them.
_CHECKS: tuple[Check, ...] = (
    method.stage,
    model.model,
    model.template,
    model.data,
    model.paths,
    numbers.cutoff,
    method.quantization,
    method.packing,
    method.deepspeed,
    numbers.precision,
    numbers.rate,
    numbers.rank,
    numbers.targets,
    numbers.warmup,
    keys.allowed,
    numbers.steps,
    numbers.points,
    numbers.held_out,
    keys.leftovers,
)


@dataclass(frozen=True)
class Imported:
    """form: what was read. recipe: mended; None when something that only its owner knows is missing. original: the
    recipe's keys as they were. notes: key → why it was changed. findings: worst first."""

    form: Form
    recipe: Recipe | None
    original: dict[str, Any]
    notes: dict[str, str]
    findings: list[Finding]

    @property
    def usable(self) -> bool:
        """Whether there is a recipe that can be trained."""
        return self.recipe is not None and not has_errors(self.findings)


def import_text(
    project: Project, text: str, where: str, overrides: Iterable[str] = (), device: Device | None = None
) -> Imported:
    """The recipe that ``text`` means, mended; ``overrides`` (``key=value``, names of the recipe) are taken as they are.

    ``device`` is what would train, by default this machine's. Raises BadInput when ``text`` is in none of the forms, and
    for an override that is not allowed.
    """
    given = read(text, where)
    draft = Draft(project, device or choose(), given.args, findings=given.findings)
    keys.spelling(draft)
    keys.carry(draft, DEFAULTS | (BOARD_DEFAULTS if given.form == "board" else {}))
    chosen = _chosen(overrides)
    draft.values.update(chosen)
    for check in _CHECKS:
        check(draft)
    draft.values.update(chosen)
    method.launcher(draft, given.launcher)
    recipe = keys.recipe_of(draft)
    if recipe is not None:
        draft.say(
            "plan.rest",
            "info",
            _("Steps, cut answers, memory and disk depend on the samples: the plan says them."),
            fix="tarot-tui train NAME --dry-run",
        )
    notes = {key: note for key, note in draft.notes.items() if key not in chosen}
    return Imported(given.form, recipe, draft.original, notes, worst_first(draft.findings))


def _chosen(overrides: Iterable[str]) -> dict[str, Any]:
    """What the user decided himself. Raises BadInput when it is not allowed."""
    chosen = keys.listed(dict(map(parse_override, overrides)))
    validate({"dataset": ["-"], **chosen}, dict.fromkeys(chosen, "--set"))
    return chosen


def as_yaml(imported: Imported, where: str) -> str:
    """The recipe as YAML; above each changed key what it was and why, and at the top what was left out.

    Only for one that has a recipe.
    """
    assert imported.recipe is not None
    lines = ["# " + _("Taken over from {file}.").format(file=one_line(where, 100))]
    for finding in imported.findings:
        if not finding.fix and finding.severity != "info":
            lines.append(f"# {one_line(finding.text, 400)}")
    lines.append("")
    values = imported.recipe.model_dump(include=imported.recipe.model_fields_set)
    for key in Recipe.model_fields:
        before, note = imported.original.get(key), imported.notes.get(key)
        if note and (before is not None or key in values):
            was = "" if f"{key}: " in note or before is None else f"{key}: {one_line(shown(before), 60)}: "
            lines.append(f"# {was}{one_line(note, 400)}")
        if key in values:
            lines.append(f"{key}: {_scalar(values[key])}".rstrip())
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """``value`` on one line of YAML, quoted where it must be."""
    import yaml

    if isinstance(value, str | list):
        text = value if isinstance(value, str) else ",".join(value)
        return yaml.safe_dump(text, allow_unicode=True, width=10**6).removesuffix("\n...\n").strip()
    return shown(value)
