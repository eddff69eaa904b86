"""A recipe: everything that defines a training, one YAML file with the names of transformers, peft, LLaMA-Factory.

Here it is found, read, judged and written; what it may hold is declared in :mod:`.parameters`, and what may not stand
together in :mod:`.contradictions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml, safe_name, write_text
from tarot_tui.text import one_line
from tarot_tui.training.contradictions import contradictions
from tarot_tui.training.fields import Field, declared_field
from tarot_tui.training.parameters import Recipe


def fields() -> list[Field]:
    """Every parameter, in the order of the recipe."""
    return [declared_field(name, info) for name, info in Recipe.model_fields.items()]


def find(project: Project, ref: str | None) -> Path:
    """The recipe file that ``ref`` means: a path, or a name in ``recipes/``; None for the only one there.

    Raises BadInput that lists what there is.
    """
    names = {path.stem: path for path in sorted(project.recipes.glob("*.yaml"))}
    if ref is None:
        if len(names) == 1:
            return next(iter(names.values()))
        if not names:
            raise BadInput(
                _("{folder} holds no recipe: name one, or say what to train with --set dataset=NAME.").format(
                    folder=project.recipes
                )
            )
        raise BadInput(_("Which recipe? There are {names}.").format(names=", ".join(names)))
    if ref in names:
        return names[ref]
    for path in (Path(ref).expanduser(), project.root / ref, project.recipes / ref):
        if path.is_file():
            return path
    near = get_close_matches(ref, names, 1)
    hint = (
        _("did you mean '{near}'?").format(near=near[0])
        if near
        else _("there are {names}.").format(names=", ".join(names) or "–")
    )
    raise BadInput(_("No recipe '{ref}': {hint}").format(ref=one_line(ref, 80), hint=hint))


def load(project: Project, path: Path | None, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in ``path`` (None: the defaults) with ``key=value`` overrides, each value a YAML scalar or list.

    Raises BadInput that names the file (or ``--set``), the key, and what is allowed.
    """
    found = read_yaml(path) if path else {}
    source = dict.fromkeys(found, str(path))
    for key, value in map(parse_override, overrides):
        found[key] = value
        source[key] = "--set"
    return validate(found, source, str(path) if path else "--set")


def changed(recipe: Recipe, overrides: Iterable[str]) -> Recipe:
    """``recipe`` with ``key=value`` overrides. Raises BadInput as :func:`load` does."""
    given = dict(map(parse_override, overrides))
    return validate({**recipe.model_dump(), **given}, dict.fromkeys(given, "--set"))


def validate(values: dict[str, Any], source: dict[str, str] | None = None, where: str = "recipe") -> Recipe:
    """``values`` as a recipe; ``source`` says per key, and ``where`` otherwise, where it was read, for the errors."""
    recipe, wrong = judge(values, source, where)
    if recipe is None:
        raise BadInput(wrong[0])
    return recipe


def judge(
    values: dict[str, Any], source: dict[str, str] | None = None, where: str = "recipe"
) -> tuple[Recipe | None, list[str]]:
    """``values`` as a recipe, or None and a sentence for each thing that is wrong with them."""
    source = source or {}
    wrong = [_unknown(str(key), source.get(key, where)) for key in values if key not in Recipe.model_fields]
    # A key without a value means what it means in an empty form: the default.
    values = {
        key: value
        for key, value in values.items()
        if key in Recipe.model_fields and (value is not None or Recipe.model_fields[key].is_required())
    }
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        keys = dict.fromkeys(str(one["loc"][0]) for one in error.errors())
        return None, wrong + [_wrong(key, values, source, where) for key in keys]
    wrong += [f"{source.get(key, where)}: {sentence}" for key, sentence in contradictions(recipe)]
    return (None if wrong else recipe), wrong


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, every key written out, that :func:`load` reads back."""
    import yaml

    values = recipe.model_dump()
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = ",".join(value) or None
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def write(project: Project, name: str, text: str, *, replace: bool = False) -> Path:
    """Put the YAML ``text``, remarks and all, into ``recipes/<name>.yaml``; the file.

    Raises BadInput when it is no valid recipe, and when there is one of that name unless ``replace``.
    """
    import yaml

    path = project.recipes / f"{safe_name(name, _('recipe'))}.yaml"
    validate(yaml.safe_load(text), where=path.name)
    if path.exists() and not replace:
        raise BadInput(
            _("{file} exists: choose another name with -o, or give --replace.").format(
                file=project.relative(path)
            )
        )
    project.recipes.mkdir(exist_ok=True)
    write_text(path, text)
    return path


def parse_override(text: str) -> tuple[str, Any]:
    """The key and the value, read as YAML, of ``key=value``. Raises BadInput."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(_("--set {text}: write it as key=value.").format(text=one_line(text, 80)))
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise BadInput(
            _("--set {text}: the value is not valid YAML; quote it.").format(text=one_line(text, 80))
        ) from None


def _unknown(key: str, where: str) -> str:
    near = get_close_matches(key.strip().lower(), Recipe.model_fields, 1)
    hint = (
        _("did you mean '{near}'?").format(near=near[0])
        if near
        else _("'tarot-tui train --keys' lists them.")
    )
    return _("{file}: unknown key '{key}': {hint}").format(file=where, key=one_line(key, 60), hint=hint)


def _wrong(key: str, values: dict[str, Any], source: dict[str, str], where: str) -> str:
    if key not in values:
        return _("{file}: '{key}' is missing: {help}").format(
            file=where, key=key, help=_(Recipe.model_fields[key].description or "")
        )
    return _("{file}: {key}: {value} is not allowed: it must be {allowed}.").format(
        file=source.get(key, where),
        key=key,
        value=one_line(repr(values[key]), 60),
        allowed=declared_field(key, Recipe.model_fields[key]).allowed,
    )
