"""Everything that can be done at the moment, by name: what the palette offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tarot_tui.glossary import WORDS
from tarot_tui.locale import LANGUAGES, N_, _
from tarot_tui.tui import keys, theme
from tarot_tui.tui.screens.pick import Entry

if TYPE_CHECKING:
    from textual.screen import Screen

    from tarot_tui.tui.base import TarotApp

#: Runs that are offered by name; the list of runs has the others.
RUNS = 20


def everything(app: TarotApp) -> list[Entry]:
    """The keys of the screen, then steps, runs, themes, languages and kinds of lines; each value is a call."""
    themed = _said(N_("Theme: {name}"), N_("Use these colours, now and from now on."), themes(app))
    spoken = _said(N_("Language: {name}"), N_("Speak it, now and from now on."), languages(app))
    return [*of_screen(app.screen), *steps(app), *runs(app), *themed, *spoken, *characters(app)]


def _said(label: str, note: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries among those of other kinds: with what they are, and what picking them does."""
    for entry in entries:
        yield replace(entry, label=_(label).format(name=entry.label), note=_(note))


def of_screen(screen: Screen) -> Iterator[Entry]:
    """What the keys of this screen do, and those of what has the focus; but for what cannot be done now."""
    possible = getattr(screen, "is_possible", lambda _verb: True)
    for key, widget in keys.at_hand(screen).items():
        if widget is screen and not possible(key.verb):
            continue
        if not key.id or key.action == "app.command_palette" or not widget.check_action(key.verb, ()):
            continue
        act = partial(widget.run_action, key.action)
        yield Entry(_(key.label), act, _(key.help), key.now(screen.app.keymap))


def steps(app: TarotApp) -> Iterator[Entry]:
    """The steps of the wizard."""
    from tarot_tui.tui.steps import STEPS

    if go := getattr(app, "go", None):
        for number, step in enumerate(STEPS, 1):
            name = _("Step: {name}").format(name=_(step.title))
            yield Entry(name, partial(go, step.id), _(step.purpose), str(number))


def runs(app: TarotApp) -> Iterator[Entry]:
    """The latest runs, to look at."""
    from tarot_tui.jobs.status import named, read
    from tarot_tui.tui.steps import runs as all_runs

    project = getattr(app, "project", None)
    if project:
        yield Entry(
            _("All runs"), app.action_list_runs, _("List them, filter, compare, stop, delete."), "g r"
        )
    for folder in reversed(all_runs(project)[-RUNS:] if project else []):
        yield Entry(
            _("Run: {name}").format(name=folder.name),
            partial(app.watch_run, folder),
            _("Watch this run: progress, loss, hardware, log."),
            named(read(folder)),
        )


def themes(app: TarotApp) -> Iterator[Entry]:
    """The themes that this terminal can show, ours first."""
    ours = {found.name for found in app.themes}
    usable = [found for found in app.available_themes.values() if theme.fits(found, app.environ)]
    for found in sorted(usable, key=lambda found: (found.name not in ours, found.name)):
        yield Entry(
            theme.title(found),
            partial(app.use_theme, found.name),
            right=f"• {found.name}" if found.name == app.theme else found.name if found.name in ours else "",
        )


def languages(app: TarotApp) -> Iterator[Entry]:
    """The languages."""
    from tarot_tui.locale import language

    for code, name in LANGUAGES.items():
        yield Entry(name, partial(app.use_language, code), right="•" if code == language() else "")


def characters(app: TarotApp) -> Iterator[Entry]:
    """What lines are drawn with, for terminals that cannot be asked (behind tmux, say)."""
    for name, plain in ((N_("Lines: drawn"), False), (N_("Lines: of plain characters"), True)):
        note = _("Plain, if your terminal draws lines and signs twice as wide, so that the rest shifts.")
        yield Entry(_(name), partial(app.use_plain_characters, plain), note)


def words() -> Iterator[Entry]:
    """The glossary; what a word means is said below the list, and picking one does nothing."""
    for word in WORDS:
        also = _("Also: {names}.").format(names=", ".join(word.also)) if word.also else ""
        yield Entry(word.term, None, f"{_(word.text)} {also}".rstrip())
