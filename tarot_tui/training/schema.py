"""The JSON schema of a recipe file, for editors that complete and check YAML by one."""

from __future__ import annotations

from typing import Any

from tarot_tui.training.recipe import Recipe, fields

#: pydantic leaves its own words for limits where a validator of ours stands between them and the type.
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
}
_ABOUT = ("title", "default")


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what :func:`.recipe.load` accepts: descriptions in the reader's language, a list
    also as a text with commas, every key that has a default also without a value."""
    found = Recipe.model_json_schema()
    for field in fields():
        declared = found["properties"][field.name]
        kinds = declared.get("anyOf") or [
            {key: value for key, value in declared.items() if key not in (*_ABOUT, "basic", "description")}
        ]
        kinds = [{_LIMITS.get(key, key): value for key, value in kind.items()} for kind in kinds]
        if field.type is list:
            kinds.append({"type": "string", "minLength": 1} if field.required else {"type": "string"})
        if not field.required and {"type": "null"} not in kinds:
            kinds.append({"type": "null"})
        about = {key: declared[key] for key in _ABOUT if key in declared}
        found["properties"][field.name] = {**about, "description": field.help, "anyOf": kinds}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
