"""The user's own keys: ``keys.toml`` in the personal folder, checked against the tables.

Written like the tables themselves; ``tarot-tui keys`` prints all of them as such a file::

    [wizard]
    next = "n, ctrl+n"
    [train]
    stop = "x"
"""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tarot_tui import personal
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.tui import keys
from tarot_tui.tui.keys import Key

FILE = "keys.toml"

_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})


def path() -> Path:
    """Where the file is looked for."""
    return personal.folder() / FILE


def tables() -> Mapping[str, tuple[Key, ...]]:
    """Every table of every screen, and of the widgets that have one."""
    from tarot_tui.tui import screens, widgets

    for room in (screens, widgets):
        for found in pkgutil.iter_modules(room.__path__):
            importlib.import_module(f"{room.__name__}.{found.name}")
    return keys.TABLES


def load() -> tuple[dict[str, str], list[str]]:
    """The keymap (from id to keys, for ``App.set_keymap``), and one sentence for each line that cannot be used."""
    try:
        found = tomllib.loads(path().read_text("utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [
            _("{file}: cannot be read as TOML: {reason}.").format(
                file=path(), reason=one_line(str(error), 120)
            )
        ]
    keymap: dict[str, str] = {}
    problems: list[str] = []
    known = {key.id: key for table in tables().values() for key in table if key.id}
    for where, wanted in _lines(found):
        problem = _problem(where, wanted, known)
        if problem:
            problems.append(problem)
            continue
        meant = ",".join(keys.named(one.strip()) for one in wanted.split(","))
        if (
            meant != known[where].keys
        ):  # a step may give a key of every step's another meaning; the user may not
            keymap[where] = meant
    problems += _collisions(keymap)
    return keymap, problems


def _lines(found: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for table, content in found.items():
        if isinstance(content, dict):
            yield from ((f"{table}.{name}", wanted) for name, wanted in content.items())
        else:
            yield table, content


def _problem(where: str, wanted: object, known: Mapping[str, Key]) -> str:
    from difflib import get_close_matches

    if where not in known:
        near = get_close_matches(where, known, 1)
        hint = _("did you mean '{near}'?").format(near=near[0]) if near else _("'tarot-tui keys' lists all.")
        return _("{file}: there is no action '{action}': {hint}").format(
            file=path(), action=one_line(where, 60), hint=hint
        )
    wrong = next(
        (one for one in (wanted.split(",") if isinstance(wanted, str) else [""]) if not _is_key(one.strip())),
        None,
    )
    if wrong is None:
        return ""
    return _('{file}: \'{key}\' for \'{action}\' is no key; write it like "x", "ctrl+x" or "f5".').format(
        file=path(), key=one_line(wrong if isinstance(wanted, str) else repr(wanted), 40), action=where
    )


def _is_key(key: str) -> bool:
    from textual.keys import Keys

    *modifiers, name = key[:-1].split("+") + [key[-1:]] if key.endswith("+") else key.split("+")
    if not set(filter(None, modifiers)) <= _MODIFIERS:
        return False
    return len(name) == 1 or keys.named(name) in {one.value for one in Keys} or keys.readable(name) != name


def _collisions(keymap: dict[str, str]) -> list[str]:
    """Take out of ``keymap`` what would give one key two meanings on a screen; says what it was."""
    problems = []
    steps = {"environment", "dataset", "parameters", "train", "export", "ollama", "chat", "vote"}
    for name, table in keys.TABLES.items():
        together = [*table, *(keys.WIZARD if name in steps else ())]
        owners = [
            (one, key.id) for key in together for one in keymap.get(key.id, key.keys).split(",") if key.action
        ]
        for pressed, count in Counter(pressed for pressed, _id in owners).items():
            mine = [owner for one, owner in owners if one == pressed and owner in keymap]
            if count > 1 and mine:
                others = [owner for one, owner in owners if one == pressed and owner != mine[0]]
                problems.append(
                    _("{file}: '{key}' for '{action}' is taken by '{other}'; choose another key.").format(
                        file=path(),
                        key=keys.readable(pressed),
                        action=mine[0],
                        other=(others or mine)[0] or name,
                    )
                )
                del keymap[mine[0]]
    return problems


def as_toml(keymap: Mapping[str, str]) -> str:
    """Every key as it is now, as a file that can be changed."""
    lines = []
    for name, table in sorted(tables().items()):
        lines.append(f"[{name}]")
        for key in table:
            if key.id:
                own = keymap.get(key.id, key.keys).replace(",", ", ")
                lines.append(f'{key.id.partition(".")[2]} = "{own}"  # {_(key.help)}')
        lines.append("")
    return "\n".join(lines)
