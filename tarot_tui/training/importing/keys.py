"""Imported: from LLaMA-Factory's keys to those of a recipe, and what is left over at the end."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.importing.draft import Draft
from tarot_tui.training.importing.names import LISTS, RENAMED, SECRETS, SETTLED, SHARED, known
from tarot_tui.training.recipe import Recipe, fields, judge

#: What nobody else can know.
_NEEDED = ("model_name_or_path", "dataset")
_IDLE = (None, False, 0, "", "none", "None", [])


def spelling(draft: Draft) -> None:
    """Old and mistyped names under their right ones; LLaMA-Factory refuses both, whatever the case of letters."""
    right = known()
    for name in list(draft.args):
        if name in right:
            continue
        folded = name.strip().lower().replace("-", "_")
        near = get_close_matches(folded, SHARED, 1, 0.9)
        meant = RENAMED.get(folded) or (folded if folded in right else near[0] if near else None)
        if meant is None or meant in draft.args:
            continue
        draft.args[meant] = draft.args.pop(name)
        if name != meant:
            draft.say(
                "key.misspelt",
                "warning",
                _("{name} is read as {meant}; LLaMA-Factory knows no {name}.").format(
                    name=one_line(name, 60), meant=meant
                ),
            )


def carry(draft: Draft, defaults: dict[str, Any]) -> None:
    """Take over the keys that mean the same; where none is given, what LLaMA-Factory would have taken."""
    for name in SHARED:
        value = draft.take(name, defaults.get(name))
        if value is not None:
            draft.values[name] = value
    if draft.args.get("train_sampling_strategy") in ("group_by_length", "random"):
        draft.values["group_by_length"] = draft.take("train_sampling_strategy") == "group_by_length"
    if draft.take("disable_gradient_checkpointing"):
        draft.values["gradient_checkpointing"] = False
    draft.values = listed(draft.values)
    draft.original = dict(draft.values)


def listed(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` with lists where a recipe has lists and people write names with commas."""

    def names(value: Any) -> list[str]:
        parts = value if isinstance(value, list) else str(value).split(",")
        return [text for part in parts if (text := str(part).strip())]

    return {
        key: names(value) if key in LISTS and value is not None else value for key, value in values.items()
    }


def leftovers(draft: Draft) -> None:
    """Nothing is dropped without a word: what is settled here anyway in one line, what cannot be done one by one."""
    settled, off = [], []
    for name, value in draft.args.items():
        if name in SECRETS:
            draft.say(
                "key.secret",
                "warning",
                _(
                    "{name} is left out: a secret does not belong in a file. Change it if others have seen it."
                ).format(name=name),
                fix="tarot-tui login" if "hub" in name else "",
            )
        elif name in SETTLED:
            settled.append(name)
        elif value in _IDLE:
            off.append(name)
        else:
            draft.say(
                "key.unsupported",
                "warning",
                _("{name}: {value} has no counterpart here and is left out.").format(
                    name=one_line(name, 60), value=one_line(str(value), 60)
                ),
            )
    draft.args.clear()
    if settled:
        draft.say("keys.settled", "info", _("Not needed here: {names}.").format(names=", ".join(settled)))
    if off:
        names = ", ".join(one_line(name, 60) for name in off)
        draft.say(
            "keys.off", "info", _("Switched off there, and not known here: {names}.").format(names=names)
        )


def allowed(draft: Draft) -> None:
    """Values that a recipe does not allow, replaced by the nearest that it does, or by the default."""
    for field in fields():
        value = draft.values.get(field.name)
        if value is None or field.name in _NEEDED:
            continue
        if not _allows(field.name, value):
            near = get_close_matches(str(value), map(str, field.choices), 1, 0.5)
            draft.mend(
                f"{field.name}.not_allowed",
                "warning",
                _("{name}: {value} is not allowed here: it must be {allowed}.").format(
                    name=field.name, value=one_line(str(value), 60), allowed=field.allowed
                ),
                **{field.name: type(field.choices[0])(near[0]) if near else field.default},
            )


def _allows(name: str, value: Any) -> bool:
    """Whether the key may have this value, whatever the others have."""
    try:
        Recipe.model_validate({"dataset": ["-"], name: value})
    except ValidationError:
        return False
    return True


def recipe_of(draft: Draft) -> Recipe | None:
    """The recipe, None when something is missing that nobody else can know."""
    if any(not draft.values.get(name) for name in _NEEDED):
        return None
    recipe, wrong = judge(draft.values)
    for sentence in wrong:
        draft.say("recipe.invalid", "error", sentence)
    return recipe
