"""Every letter on the screens can be read: in each of our themes, in every colour depth that it is chosen for."""

from __future__ import annotations

import sys
import types

import pytest
from rich.color import Color, ColorSystem
from rich.terminal_theme import TerminalTheme
from textual.color import Color as TextualColor

from tarot_tui.findings import Finding
from tarot_tui.project import create
from tarot_tui.tui import theme
from tarot_tui.tui.app import WizardApp

#: The sixteen colours of xterm; what "default" is, is the theme's guess about the terminal.
_SIXTEEN = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
]  # fmt: skip
_DARK = TerminalTheme((0, 0, 0), (229, 229, 229), _SIXTEEN[:8], _SIXTEEN[8:])
_LIGHT = TerminalTheme((255, 255, 255), (0, 0, 0), _SIXTEEN[:8], _SIXTEEN[8:])
_DEPTHS = {"truecolor": None, "256": ColorSystem.EIGHT_BIT, "16": ColorSystem.STANDARD}


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """The doctor's findings, at once: one of each severity."""
    found = [
        Finding(word, word, f"A sentence of {word}.", fix="mend it") for word in ("error", "warning", "ok")
    ]

    def run(on_finding):
        for finding in found:
            on_finding(finding)
        return found

    monkeypatch.setitem(sys.modules, "tarot_tui.doctor.run", types.SimpleNamespace(run=run))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")


def contrast(one, other):
    """The contrast ratio of WCAG 2.1: 1 to 21."""

    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def painted(app):
    """Every run of visible text on the screen, with its foreground and background as rich has them."""
    for strip in app.screen._compositor.render_strips():
        for text, style, *_ in strip:
            if text.strip() and style:
                pair = style.color or Color.default(), style.bgcolor or Color.default()
                yield text.strip(), *(pair[::-1] if style.reverse else pair)


def as_shown(colour, *, front, dark, depth):
    """The colour that a terminal of that depth shows."""
    system = _DEPTHS[depth]
    return tuple(
        (colour.downgrade(system) if system else colour).get_truecolor(_DARK if dark else _LIGHT, front)
    )


def judge(app, depth):
    """What cannot be read: letters below 4.5 (3 where they are greyed out), anything that is as its background."""
    dark = app.current_theme.dark
    greyed = app.theme_variables["text-disabled"]
    low = {3.0, 4.5} if depth == "truecolor" else {3.0}
    for text, fore, back in painted(app):
        pair = [
            as_shown(c, front=front, dark=dark, depth=depth) for c, front in ((fore, True), (back, False))
        ]
        ratio = contrast(*pair)
        letters = any(c.isalnum() for c in text)
        is_grey = not greyed.startswith("ansi") and tuple(TextualColor.parse(greyed).rgb) == pair[0]
        needed = 1.2 if not letters else min(low) if is_grey else max(low)
        if ratio < needed:
            yield f"{app.theme} {depth} {app.screen.id}: {text[:40]!r} {pair} {ratio:.1f}"


async def walk(project, visit):
    """Call ``visit(app, pilot)`` on the steps, a list and a field in focus, the help and the palette."""
    app = WizardApp(project)
    async with app.run_test(size=(120, 40)) as pilot:
        for step in ("parameters", "chat", "environment"):
            app.go(step)
            await pilot.pause()
            if step == "environment":
                app.screen.query_one("FindingList").focus()
            await visit(app, pilot)
        for keys in (["2", "tab"], ["f1"], ["escape", "ctrl+p"]):
            await pilot.press(*keys)
            await pilot.pause()
            await visit(app, pilot)


async def test_everything_can_be_read_in_each_of_our_themes(tmp_path, colours):
    found = []

    async def visit(app, pilot):
        for name in (one.name for one in theme.load_all()[0]):
            app.use_theme(name)
            await pilot.pause()
            for depth in ["16"] if app.current_theme.ansi else ["truecolor", "256"]:
                found.extend(judge(app, depth))

    await walk(create(tmp_path / "deck", example=True), visit)
    assert not found, "\n".join(sorted(set(found)))


@pytest.mark.parametrize("terminal", [("xterm-256color", "truecolor"), ("xterm", "")])
async def test_without_colours_everything_can_be_read(terminal, tmp_path, monkeypatch, colours):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", terminal[0])
    monkeypatch.setenv("COLORTERM", terminal[1])
    found = []

    async def visit(app, pilot):
        for depth in ("truecolor", "256", "16") if terminal[1] == "" else ("truecolor", "256"):
            found.extend(judge(app, depth))

    await walk(create(tmp_path / "deck", example=True), visit)
    assert not found, "\n".join(sorted(set(found)))
