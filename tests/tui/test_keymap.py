"""Keys are data: every screen's come from its table, and the user's file changes them everywhere at once."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import tomllib

import pytest
from textual.dom import DOMNode

from tarot_tui import tui
from tarot_tui.cli import main
from tarot_tui.jobs import spec
from tarot_tui.project import create
from tarot_tui.tui import keymap, keys, offers
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.keys import Key
from tarot_tui.tui.watch_app import WatchApp
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.run_table import RunTable


@pytest.fixture
def mine():
    """Writes the user's file of keys."""

    def write(text):
        keymap.path().parent.mkdir(parents=True, exist_ok=True)
        keymap.path().write_text(text, "utf-8")

    return write


def classes():
    """Every class of ours that Textual may ask for bindings."""
    for found in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}."):
        module = importlib.import_module(found.name)
        for one in vars(module).values():
            if inspect.isclass(one) and issubclass(one, DOMNode) and one.__module__ == module.__name__:
                yield one


def test_no_screen_and_no_widget_binds_a_key_outside_the_tables():
    declared = {
        (binding.key, binding.action, binding.id)
        for table in keymap.tables().values()
        for key in table
        for binding in key.bindings()
    }
    bound = 0
    for one in classes():
        for binding in vars(one).get("BINDINGS", ()):
            assert (binding.key, binding.action, binding.id) in declared, (one, binding)
            bound += 1
        # Nor do they look at keys in another way.
        handlers = [name for name in vars(one) if name.startswith("key_") and name != "key_table"]
        handlers += [name for name in ("on_key", "_on_key", "handle_key") if name in vars(one)]
        assert not handlers, (one, handlers)
    assert bound > 150


def test_what_is_bound_can_be_remapped_but_for_a_digit_that_is_a_number():
    fixed = {key.keys for table in keymap.tables().values() for key in table if key.action and not key.id}
    assert all(set(keys_) <= set("1234567890,") for keys_ in fixed)


async def test_a_question_answers_to_keys_of_ones_own_and_says_so(tmp_path, mine, text_of):
    mine('[confirm]\nyes = "j"\n')
    answers = []
    async with WizardApp(create(tmp_path / "deck")).run_test() as pilot:
        pilot.app.push_screen(Confirm("Really?", "All is lost.", "Lose all"), answers.append)
        await pilot.pause()
        assert "Lose all (j)" in text_of(pilot.app) and "No (n)" in text_of(pilot.app)
        await pilot.press("y")
        await pilot.pause()
        assert not answers
        await pilot.press("j")
        await pilot.pause()
        assert answers == [True]


async def test_a_list_answers_to_keys_of_ones_own_and_the_help_and_the_palette_say_so(tmp_path, mine, until):
    mine('[list]\ndown = "x"\n')
    project = create(tmp_path / "deck")
    for name in ("1-first", "2-second"):
        spec.create(project, "train", name, ["true"], {})
    app = WatchApp(project, None)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, "1-first")
        before = app.screen.query_one(RunTable).current.folder
        await pilot.press("j")
        assert app.screen.query_one(RunTable).current.folder == before
        await pilot.press("x")
        assert app.screen.query_one(RunTable).current.folder != before
        offered = {entry.note: entry.right for entry in offers.of_screen(app.screen)}
        assert offered["List: the next one."] == "x"
        await pilot.press("question_mark")
        await until(pilot, "List: the next one.")


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


async def test_the_key_line_tells_what_acts_now_and_no_more(project, until, text_of):
    project.remember("step", "dataset")
    async with WizardApp(project).run_test(size=(80, 24)) as pilot:
        await until(pilot, "find files")
        line = str(pilot.app.screen.query_one(KeyLine).render())
        assert "? help" in line and "q quit" in line and "p back" in line
        # Nothing is here that could be built or viewed.
        assert "b build" not in line and "v view" not in line
        pilot.app.screen.query_one("#add").focus()
        await until(pilot, "F1 help")
        line = str(pilot.app.screen.query_one(KeyLine).render())
        assert line.startswith("enter do it  ctrl+n next") and line.rstrip().endswith("esc step out")
        assert "q quit" not in line and "o find" not in line
        await pilot.press("escape")
        await until(pilot, "? help")


def test_a_key_that_moves_in_a_field_does_nothing_else_there():
    key = Key("left,right,ctrl+n", "← →", "move", "page", "Page.")
    assert key.while_typing({}) == "ctrl+n"
    assert Key("left,slash", "←", "move", "page", "Page.").while_typing({}) == ""
    assert Key("space", "space", "tick", "tick", "Tick.", priority=True).while_typing({}) == "space"
