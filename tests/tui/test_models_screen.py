"""Base models in the wizard: looked for on the hub, judged, fetched, removed; and the account that gated ones need."""

from __future__ import annotations

import pytest
from fakes.hub import TOKEN, FakeHub, Repository
from textual.widgets import Input

from tarot_tui.jobs.find import all_jobs
from tarot_tui.tui.base import TarotApp
from tarot_tui.tui.screens.login import LoginScreen
from tarot_tui.tui.screens.models import ModelsScreen

NAME = "someone/tiny"


@pytest.fixture
def hub(monkeypatch, tmp_path, tiny_llama):
    """A hub with one model, for the commands that the screens run."""
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
        files = {path.name: path.read_bytes() for path in tiny_llama.iterdir() if path.is_file()}
        about = {
            "tags": ["license:mit"],
            "safetensors": {"parameters": {"BF16": 3_000_000}, "total": 3_000_000},
        }
        server.repositories[NAME] = Repository(False, files, about=about)
        yield server


class Opens(TarotApp[None]):
    """Opens one screen and remembers how it was left."""

    CSS_PATH = ["../../tarot_tui/tui/app.tcss", "../../tarot_tui/tui/steps.tcss"]

    def __init__(self, screen) -> None:
        super().__init__()
        self.opened, self.left_with = screen, None

    def on_mount(self) -> None:
        self.push_screen(self.opened, lambda found: setattr(self, "left_with", found))


async def test_a_model_is_searched_judged_fetched_chosen_and_removed(hub, project, until):
    screen = ModelsScreen(project)
    async with Opens(screen).run_test(size=(100, 30)) as pilot:
        await until(pilot, "/ searches the hub")
        await pilot.press("slash", *"tiny")
        await until(pilot, NAME)
        await until(pilot, "on the hub")
        await pilot.press("enter", "i")
        await until(pilot, "It can be trained, become a GGUF")
        await until(pilot, "takes a system prompt")
        await pilot.press("d")
        await until(pilot, "Download someone/tiny?")
        await pilot.press("y")
        await until(pilot, f"{NAME} is on this machine.")
        assert all_jobs(project, "download")
        await pilot.press("x")
        await until(pilot, "Remove someone/tiny?")
        await pilot.press("n")
        await pilot.press("enter")
        await pilot.pause()
        assert screen.chosen == NAME and pilot.app.left_with is True


async def test_without_a_hub_what_is_here_is_still_listed(project, until, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    async with Opens(ModelsScreen(project)).run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"qwen")
        await until(pilot, "The hub cannot be reached")
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert pilot.app.left_with is False


async def test_a_gated_model_says_where_to_accept_its_terms_and_leads_to_the_account(hub, project, until):
    hub.gated.add(NAME)
    async with Opens(ModelsScreen(project)).run_test(size=(100, 30)) as pilot:
        await pilot.press("slash", *"tiny")
        await until(pilot, "gated")
        await pilot.press("enter", "i")
        await until(pilot, "huggingface.co/someone/tiny")
        await pilot.press("l")
        await until(pilot, "Nobody is logged in")


async def test_a_token_is_pasted_unseen_kept_and_removed(hub, project, until, tmp_path):
    async with Opens(LoginScreen(project, "Because.")).run_test(size=(80, 24)) as pilot:
        await until(pilot, "Nobody is logged in")
        pilot.app.screen.query_one("#token", Input).value = "hf_wrong"
        await pilot.press("enter")
        await until(pilot, "does not accept this token")
        pilot.app.screen.query_one("#token", Input).value = TOKEN
        await pilot.press("enter")
        await until(pilot, "Logged in as me")
        assert pilot.app.screen.query_one("#token", Input).value == ""
        assert (tmp_path / "hf/token").read_text() == TOKEN
        pilot.app.screen.set_focus(None)
        await pilot.press("x")
        await until(pilot, "Nobody is logged in")
        assert not (tmp_path / "hf/token").exists()
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.left_with is True


async def test_the_parameters_take_the_chosen_model(hub, project, until):
    from tarot_tui.tui.app import WizardApp
    from tarot_tui.tui.widgets.recipe_form import RecipeForm

    project.remember("step", "parameters")
    async with WizardApp(project).run_test(size=(100, 30)) as pilot:
        await until(pilot, "Save as")
        pilot.app.screen.set_focus(None)
        await pilot.press("b")
        await until(pilot, "/ searches the hub")
        await pilot.press("slash", *"tiny")
        await until(pilot, NAME)
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert pilot.app.screen.query_one(RecipeForm).values()["model_name_or_path"] == NAME
