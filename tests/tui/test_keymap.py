"""Keys are data: every screen's come from its table, and the user's file changes them everywhere at once."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import tomllib

import pytest
from textual.screen import Screen

from tarot_tui.cli import main
from tarot_tui.project import create
from tarot_tui.tui import keymap, keys, screens
from tarot_tui.tui.app import WizardApp


@pytest.fixture
def mine():
    """Writes the user's file of keys."""

    def write(text):
        keymap.path().parent.mkdir(parents=True, exist_ok=True)
        keymap.path().write_text(text, "utf-8")

    return write


def test_every_binding_of_every_screen_comes_from_its_table():
    tables = keymap.tables()
    known = {key.id for table in tables.values() for key in table if key.id}
    for found in pkgutil.iter_modules(screens.__path__):
        module = importlib.import_module(f"tarot_tui.tui.screens.{found.name}")
        for screen in vars(module).values():
            if not (
                inspect.isclass(screen)
                and issubclass(screen, Screen)
                and screen.__module__ == module.__name__
            ):
                continue
            own = [binding for binding in vars(screen).get("BINDINGS", ()) if binding.id]
            assert all(binding.id in known for binding in own), screen


def test_no_table_names_two_of_its_keys_alike():
    for name, table in keymap.tables().items():
        ids = [key.id for key in table if key.id]
        assert len(ids) == len(set(ids)), name


async def test_a_key_of_ones_own_works_and_is_shown_in_the_key_line_and_the_help(tmp_path, mine, text_of):
    mine('[wizard]\nnext = "x, ctrl+n"\nhelp = "Z"\n')
    project = create(tmp_path / "deck")
    project.remember("step", "export")
    async with WizardApp(project).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "x ctrl+n next" in text_of(pilot.app) and "Z help" in text_of(pilot.app)
        await pilot.press("n")
        await pilot.pause()
        assert pilot.app.screen.id == "export"
        await pilot.press("x")
        await pilot.pause()
        assert pilot.app.screen.id == "ollama"
        await pilot.press("Z")
        await pilot.pause()
        assert "x ctrl+n " in text_of(pilot.app)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[wizard", ["TOML"]),
        ('[wizard]\nnxet = "x"', ["wizard.nxet", "wizard.next"]),
        ('[wizrd]\nnext = "x"', ["wizrd.next"]),
        ('[wizard]\nnext = "ctlr+x"', ["ctlr+x", "wizard.next"]),
        ("[wizard]\nnext = 5", ["5", "wizard.next"]),
        ('[wizard]\nnext = "y"', ["y", "wizard.next", "wizard.copy"]),
        ('[dataset]\nbuild = "n"', ["n", "dataset.build", "wizard.next"]),
        ("next = 'x'", ["'next'"]),
    ],
)
def test_a_line_that_cannot_be_used_is_said_in_one_sentence_and_left_out(mine, text, words):
    mine(text)
    found, problems = keymap.load()
    assert found == {} and len(problems) == 1
    assert all(word in problems[0] for word in [*words, str(keymap.path())])


def test_two_keys_can_change_places(mine):
    mine('[wizard]\nnext = "p"\nprevious = "n"\n')
    assert keymap.load() == ({"wizard.next": "p", "wizard.previous": "n"}, [])


def test_the_listing_is_a_file_that_can_be_used(mine, capsys):
    assert main(["keys"]) == 0
    listed = capsys.readouterr().out
    assert tomllib.loads(listed)["wizard"]["next"] == "n, ctrl+n"
    mine(listed)
    assert keymap.load() == ({}, [])


def test_a_wrong_file_fails_the_listing(mine, capsys):
    mine('[wizard]\nnext = "y"')
    assert main(["keys"]) == 2
    assert "wizard.copy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "shown"),
    [("question_mark", "?"), ("ctrl+l", "ctrl+l"), ("j", "j"), ("slash", "/"), ("space", "space")],
)
def test_keys_are_shown_as_people_read_them(key, shown):
    assert keys.readable(key) == shown
