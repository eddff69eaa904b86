"""What the wizard looks like in a terminal: at four sizes, in three languages, in four depths of colour.

The pictures lie in ``__text__`` as text. After a change that is meant, look at the difference and keep it with::

    TAROT_PICTURES=write pytest tests/tui/test_pictures.py
"""

from __future__ import annotations

import os
import string
import sys
import time
from pathlib import Path

import pytest

from tarot_tui.project import create

HERE = Path(__file__).parent
PICTURES = HERE / "__text__"

TITLES = {
    "en": {"1": "step 1 of 7", "2": "Reckless haste", "3": "lora_rank", "5": "step 5 of 7", "6": "step 6 of 7", "7": "step 7 of 7"},
    "zh_TW": {"1": "步驟 1/7", "2": "魯莽", "3": "lora_rank", "5": "步驟 5/7", "6": "步驟 6/7", "7": "步驟 7/7"},
    "zh_CN": {"1": "步骤 1/7", "2": "魯莽", "3": "lora_rank", "5": "步骤 5/7", "6": "步骤 6/7", "7": "步骤 7/7"},
}  # fmt: skip
DEPTHS = {
    "truecolor": {},
    "256": {"COLORTERM": ""},
    "16": {"COLORTERM": "", "TERM": "xterm"},
    "none": {"NO_COLOR": "1"},
}


#: Seconds within which a screen has to look as it should; and what to wait for before a picture is kept.
PATIENCE, SETTLED = 60.0, 1.5
WRITE = os.environ.get("TAROT_PICTURES") == "write"


@pytest.fixture
def compare(tmp_path, open_terminal):
    """Starts the wizard in a terminal and compares what each key leads to with the kept pictures, or keeps them."""

    def walk(name, size, code, keys, draw, **environ):
        project = create(tmp_path / "deck", example=True)
        project.remember("step", "export")
        environ |= {
            "TAROT_TUI_LANG": code,
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "OLLAMA_HOST": "127.0.0.1:9",
        }
        argv = [sys.executable, str(HERE / "pictured_app.py"), str(project.root)]
        terminal = open_terminal(argv, *size, cwd=project.root, **environ)
        kept = {} if WRITE else dict(_parts(name))
        for key in keys:
            terminal.wait_for(TITLES[code]["5"])
            terminal.read(0.2)  # escape and a key at once would be alt and that key
            terminal.send(key)
            terminal.wait_for(TITLES[code].get(key, ""))
            picture = _settled(terminal, draw, kept.get(key))
            if WRITE:
                kept[key] = picture
            assert picture == kept.get(key), f"{key!r} of {PICTURES / name}.txt: see the top of {__file__}"
            terminal.send("5" if key in TITLES[code] else "\x1b")
        if WRITE:
            PICTURES.mkdir(exist_ok=True)
            text = "\n".join(f"==== {key}\n{picture}" for key, picture in kept.items())
            (PICTURES / f"{name}.txt").write_text(text, "utf-8")

    return walk


def _parts(name):
    for part in (PICTURES / f"{name}.txt").read_text("utf-8").split("==== ")[1:]:
        key, _newline, picture = part.partition("\n")
        yield key, picture.rstrip("\n") + "\n"


def _settled(terminal, draw, wanted):
    terminal.read(SETTLED if WRITE else 0.05)
    until = time.monotonic() + PATIENCE
    while not WRITE and draw(terminal) != wanted and time.monotonic() < until:
        terminal.read(0.05)
    return draw(terminal)


def as_text(terminal):
    """The screen as text."""
    return terminal.text()


def as_paint(terminal):
    """The colours as a picture: a letter for each look, and below it what the letters are."""
    looks, lines = {}, []
    letters = string.ascii_letters + string.digits
    for row in terminal.cells(terminal.screen):
        line = ""
        for cell in row:
            attributes = [
                name for name in ("bold", "italics", "underscore", "reverse") if getattr(cell, name)
            ]
            look = " ".join([cell.fg if cell.data.strip() else "-", "on", cell.bg, *attributes])
            line += letters[looks.setdefault(look, len(looks))]
        lines.append(line)
    legend = [f"{letters[index]} {look}" for look, index in looks.items()]
    return "\n".join([*lines, "", *legend]) + "\n"


@pytest.mark.parametrize(
    ("size", "code", "keys"),
    [
        ((80, 24), "en", "123567?W"),
        ((80, 24), "zh_TW", "1257?"),
        ((80, 24), "zh_CN", "2"),
        ((100, 30), "zh_TW", "2g"),
        ((160, 50), "en", "23T"),
        ((300, 100), "zh_TW", "2"),
    ],
)
def test_the_wizard_looks_as_it_did(compare, size, code, keys):
    compare(f"wizard-{size[0]}x{size[1]}-{code}", size, code, keys, as_text)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_wizard_is_coloured_as_it_was(compare, depth):
    compare(f"colours-{depth}", (80, 24), "en", "12", as_paint, **DEPTHS[depth])
