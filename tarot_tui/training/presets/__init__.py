"""Ready recipes: commented YAML to start from, for a first try, one GPU, several, and the settings of old."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.recipe import fields, parse_override

#: The first two also come with the example project.
_FOLDERS = (
    files("tarot_tui") / "example" / "recipes",
    files("tarot_tui") / "training" / "presets",
)


@dataclass(frozen=True)
class Preset:
    """One ready recipe. about: its first sentence. text: the YAML with its remarks."""

    name: str
    about: str
    text: str


def presets() -> list[Preset]:
    """All of them, from the smallest machine to the largest."""
    order = ("try-it", "qlora-8b-24gb", "several-gpus", "old-tutorial")
    found = {path.name.removesuffix(".yaml"): _read(path) for folder in _FOLDERS for path in _yamls(folder)}
    return sorted(found.values(), key=lambda preset: order.index(preset.name))


def preset(name: str) -> Preset:
    """The one called ``name``. Raises BadInput that names the nearest."""
    known = {one.name: one for one in presets()}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, 1)
    hint = (
        _("did you mean '{near}'?").format(near=near[0])
        if near
        else _("there are {names}.").format(names=", ".join(known))
    )
    raise BadInput(_("No preset '{name}': {hint}").format(name=one_line(name, 60), hint=hint))


def blank(dataset: str) -> str:
    """A recipe for ``dataset`` with every key and what it does; those that a beginner can leave are remarks."""
    parts = ["# " + _("A recipe: remove the # in front of a key to change it from what it is anyway.")]
    for basic in (True, False):
        for field in fields():
            if field.basic == basic:
                value = dataset if field.name == "dataset" else shown(field.default)
                line = f"{field.name}: {value}".rstrip()
                parts.append(f"\n# {field.help} ({field.allowed})\n{line if basic else '# ' + line}")
    return "\n".join(parts) + "\n"


def with_values(text: str, overrides: Iterable[str]) -> str:
    """``text`` with ``key=value`` put into its lines, or behind the last one; its other remarks stay.

    Each key of ``text`` must be on a line of its own, with its value. Raises BadInput for what is not ``key=value``.
    """
    for override in overrides:
        key, _value = parse_override(override)
        line = f"{key}: {override.partition('=')[2].strip()}".rstrip()
        pattern = rf"^(?:# )?{re.escape(key)}:.*$"
        if re.search(pattern, text, re.MULTILINE):
            text = re.sub(pattern, lambda _found, line=line: line, text, count=1, flags=re.MULTILINE)
        else:
            text += line + "\n"
    return text


def shown(value: object) -> str:
    """A value of a recipe as one writes it in YAML; nothing for None."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _exact(value)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _exact(value: float) -> str:
    # YAML 1.1 takes 1e-05 for a text: the mantissa needs its point.
    mantissa, _e, exponent = repr(value).partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}e{exponent}" if exponent else mantissa


def _yamls(folder: Traversable) -> list[Traversable]:
    return [path for path in folder.iterdir() if path.name.endswith(".yaml")]


def _read(path: Traversable) -> Preset:
    text = path.read_text("utf-8")
    remark = text.partition("\n\n")[0].splitlines()
    about = " ".join(line.lstrip("# ") for line in remark if line.startswith("#"))
    return Preset(path.name.removesuffix(".yaml"), about.partition(". ")[0].rstrip("."), text)
