"""Step 3: the recipe, one question per setting, each from its one declaration; then the plan."""

from __future__ import annotations

from typing import Any

from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import tell
from tarot_tui.plain.wizard import do
from tarot_tui.project import Project, safe_name, write_text
from tarot_tui.training import recipe as recipes
from tarot_tui.tui import commands, spread, steps
from tarot_tui.tui.beginnings import beginnings, suggested


def walk(project: Project) -> bool:
    """Choose what to begin with, change it, look at the plan, keep it."""
    offered = beginnings(project)
    key = ask.choose(
        _("Begin with which recipe?"), [(one.label, one.key) for one in offered], suggested(project, offered)
    )
    beginning = next(one for one in offered if one.key == key)
    values = beginning.values(project)
    known = steps.dataset_names(project)
    if not values.get("dataset") or not set(values["dataset"]) <= set(known):
        built = project.recall("dataset")
        values["dataset"] = [built] if built in known else known[:1]
    values = _changed(values)
    recipe = recipes.validate(values)
    name = ask.text(
        _("Save the recipe as?"),
        beginning.name or beginning.preset or "first",
        lambda word: safe_name(word, _("recipe")) and None,
    )
    path = project.recipes / f"{name}.yaml"
    if not path.exists() or ask.yes(
        _("recipes/{name}.yaml will be rewritten. Go on?").format(name=name), offered=True
    ):
        write_text(path, recipes.dump(recipe))
    project.remember("recipe", name)
    engines = steps.engines()
    if len(engines) > 1:
        engine = ask.choose(_("Which engine trains it?"), engines, steps.chosen_engine(project))
        project.remember("engine", engine)
    engine, where = steps.chosen_engine(project), spread.words(project)
    return do(project, commands.train(name, dry_run=True, engine=engine, where=where)) == 0


def _changed(values: dict[str, Any]) -> dict[str, Any]:
    how = ask.choose(
        _("Change its settings?"),
        [(_("keep them as they are"), 0), (_("go through the usual ones"), 1), (_("go through all"), 2)],
        0,
    )
    for field in recipes.fields():
        if how == 2 or (how == 1 and field.basic):
            values = _asked(field, values)
    return values


def _asked(field: recipes.Field, values: dict[str, Any]) -> dict[str, Any]:
    now = values.get(field.name, field.default)
    tell(
        "",
        _("{name}: {words}").format(name=field.name, words=field.help),
        _("Allowed: {allowed}.").format(allowed=field.allowed),
    )

    def changed(answer: str) -> dict[str, Any]:
        # What a script would say: the same reading, the same complaints.
        _key, value = recipes.parse_override(f"{field.name}={answer or 'null'}")
        return {**values, field.name: value}

    def check(answer: str) -> None:
        recipes.validate(changed(answer), {field.name: _("your answer")})

    return changed(ask.text(f"{field.name}?", _written(now), check))


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


WALKS = {"parameters": walk}
