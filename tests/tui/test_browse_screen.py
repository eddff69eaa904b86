"""Finding documents: folders by the keys, names by typing, several at once."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from textual.widgets import Input

from tarot_tui.project import create
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.browse import BrowseScreen, listing


@pytest.fixture
def machine(tmp_path):
    """A project beside a folder of documents."""
    (tmp_path / "papers" / "old").mkdir(parents=True)
    for name in ("a.xlsx", "b.docx", "photo.png", "牌義.csv", ".hidden.csv", "old/letter.txt"):
        (tmp_path / "papers" / name).write_bytes(b"Card Name,Meaning\nThe Fool,a beginning\n")
    project = create(tmp_path / "deck")
    project.remember("step", "dataset")
    return project


@pytest.fixture
def browsing(machine, until):
    """The wizard with the documents' folder open."""

    @asynccontextmanager
    async def opened():
        async with WizardApp(machine).run_test(size=(80, 24)) as pilot:
            await until(pilot, "Find documents")
            await pilot.press("enter")
            await until(pilot, "papers/")
            await pilot.press(*"pap", "enter")
            await until(pilot, "b.docx")
            yield pilot

    return opened


def taken(pilot):
    """The names of the documents that the Dataset step has now."""
    return [path.rpartition("/")[2] for path in pilot.app.screen.sources()]


def test_only_folders_and_documents_that_can_be_read_are_listed(machine):
    found = listing(machine.root.parent / "papers")
    assert [path.name for path, _folder, _size in found] == ["old", "a.xlsx", "b.docx", "牌義.csv"]


async def test_several_documents_of_several_folders_are_taken_at_once(browsing, until):
    async with browsing() as pilot:
        await pilot.press(*"old", "right")
        await until(pilot, "letter.txt")
        await pilot.press(*"let", "space")
        await until(pilot, "1 ticked")
        await pilot.press("left")
        await until(pilot, "b.docx")
        await pilot.press(*"牌義", "space")
        await until(pilot, "2 ticked")
        await pilot.press("ctrl+o")
        await until(pilot, "letter.txt")
        assert taken(pilot) == ["letter.txt", "牌義.csv"]


async def test_going_up_leads_back_to_the_folder_one_came_from(browsing, until):
    async with browsing() as pilot:
        papers = pilot.app.screen.folder
        await pilot.press("left")
        await until(pilot, "deck/")
        assert pilot.app.screen._here == papers


async def test_a_path_can_be_typed_and_escape_takes_none(browsing, until):
    async with browsing() as pilot:
        papers = pilot.app.screen.folder
        await pilot.press("escape")
        await until(pilot, "Find documents…")
        assert not taken(pilot)
        await pilot.press("o")
        await until(pilot, "papers/")
        pilot.app.screen.query_one(Input).value = str(papers / "photo.png")
        await pilot.press("enter")
        await until(pilot, "no document that can be read")
        assert isinstance(pilot.app.screen, BrowseScreen)
        pilot.app.screen.query_one(Input).value = str(papers / "b.docx")
        await pilot.press("enter")
        await until(pilot, "Build the dataset")
        assert taken(pilot) == ["b.docx"]
