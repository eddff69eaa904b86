"""The Chat step, against a server that keeps Ollama's protocol: settings, another answer, two models, a blind vote."""

from __future__ import annotations

import json

import pytest
from fakes.ollama import FakeOllama
from fakes.releases import empty_release
from textual.widgets import Button, Input, TextArea

from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.chat_settings import ChatSettings
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.transcript import Transcript


@pytest.fixture
def fake(monkeypatch):
    with FakeOllama() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        yield server


@pytest.fixture
def chatting(project, fake):
    """A project with the releases ``base`` and ``tarot``, both also in Ollama, and the Chat step open."""
    for name, system in (("base", ""), ("tarot", "Be brief.")):
        empty_release(project, name, system=system)
        fake.add(f"{name}:latest", system=system)
    project.remember("step", "chat")
    return project


async def ask(pilot, until, question, answer="beginnings."):
    box = pilot.app.screen.query_one("#question", Input)
    box.value = question
    box.focus()
    await pilot.press("enter")
    await until(pilot, answer)


def last_chat(fake):
    return [body for _method, path, body in fake.requests if path == "/api/chat"][-1]


async def test_a_question_is_answered_and_its_cost_said(chatting, fake, until):
    async with WizardApp(chatting).run_test(size=(120, 40)) as pilot:
        await until(pilot, "answers from")
        await until(pilot, "Be brief.")
        await ask(pilot, until, "hello?")
        await until(pilot, "3 tokens, 6 a second")
        assert last_chat(fake)["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_settings_change_how_the_next_question_is_asked(chatting, fake, until):
    async with WizardApp(chatting).run_test(size=(120, 40)) as pilot:
        await until(pilot, "answers from")
        await pilot.press("ctrl+o")
        await pilot.pause()
        settings = pilot.app.screen
        assert isinstance(settings, ChatSettings)
        settings.query_one("#temperature", Input).value = "9"
        await pilot.press("ctrl+o")
        assert pilot.app.screen is settings and "from 0 to 5" in str(settings.query_one("#wrong").render())
        settings.query_one("#temperature", Input).value = "0"
        settings.query_one("#system", TextArea).text = ""
        await pilot.press("ctrl+o")
        await pilot.pause()
        await ask(pilot, until, "hello?")
        asked = last_chat(fake)
        assert asked["options"] == {"temperature": 0.0}
        assert [one["role"] for one in asked["messages"]] == ["user"]


async def test_another_answer_takes_the_place_of_the_last(chatting, fake, until, text_of):
    async with WizardApp(chatting).run_test(size=(120, 40)) as pilot:
        await until(pilot, "answers from")
        await ask(pilot, until, "hello?")
        await until(pilot, "a second")
        fake.answer = ["Another one."]
        await pilot.press("ctrl+g")
        await until(pilot, "Another one.")
        assert "beginnings" not in text_of(pilot.app)
        assert [one["content"] for one in last_chat(fake)["messages"]] == ["Be brief.", "hello?"]


async def test_a_conversation_is_kept_as_a_sample(chatting, fake, until):
    from tarot_tui.data.dataset import conversations

    async with WizardApp(chatting).run_test(size=(120, 40)) as pilot:
        await until(pilot, "answers from")
        await pilot.press("ctrl+t")
        await until(pilot, "no answer to save yet")
        await ask(pilot, until, "hello?")
        await until(pilot, "a second")
        await pilot.press("ctrl+t")
        await until(pilot, "now holds 1 conversations")
    (kept,) = conversations(chatting, "conversations")
    assert [one["content"] for one in kept] == ["Be brief.", "hello?", "The Fool means beginnings."]


async def compare(pilot, until, *, blind):
    await until(pilot, "answers from")
    await pilot.press("ctrl+o")
    await pilot.pause()
    settings = pilot.app.screen
    settings.query_one("#other", Choice).choose("base")
    settings.query_one("#blind", Choice).choose(blind)
    await pilot.press("ctrl+o")
    await until(pilot, "answers from")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_two_models_answer_side_by_side(chatting, fake, until, size):
    async with WizardApp(chatting).run_test(size=size) as pilot:
        await compare(pilot, until, blind=False)
        await ask(pilot, until, "hello?")
        left, right = pilot.app.screen.query(Transcript)
        await until(pilot, lambda: not pilot.app.screen.answering)
        assert left.display and right.display and left.label == "tarot" and right.label == "base"
        assert (left.region.right <= right.region.x) == (size[0] > 100)
        assert len(left.children) >= 2 and len(right.children) >= 2
        asked = {body["model"] for _method, path, body in fake.requests if path == "/api/chat"}
        assert asked == {"tarot", "base"}


async def test_a_blind_vote_hides_the_names_until_it_ends(chatting, fake, until, text_of):
    async with WizardApp(chatting).run_test(size=(120, 40)) as pilot:
        await compare(pilot, until, blind=True)
        await ask(pilot, until, "hello?", "Which answer is better?")
        assert {column.label for column in pilot.app.screen.query(Transcript)} == {"A", "B"}
        assert pilot.app.screen.query_one("#vote-a", Button).display
        await pilot.press("b")
        await until(pilot, "1 votes so far")
        vote = json.loads((chatting.models / "votes.jsonl").read_text())
        assert vote["winner"] in ("tarot", "base") and vote["question"] == "hello?"
        await pilot.press("ctrl+o")
        await pilot.pause()
        pilot.app.screen.query_one("#blind", Choice).choose(False)
        await pilot.press("ctrl+o")
        await until(pilot, f"Your votes: {vote['winner']}: 1")


async def test_stopping_one_answer_leaves_the_other_model_unasked(chatting, fake, until):
    import threading

    async with WizardApp(chatting).run_test(size=(120, 40)) as pilot:
        await compare(pilot, until, blind=False)
        fake.hold_answer = threading.Event()
        await ask(pilot, until, "hello?", "The Fool")
        # A new chat while an answer runs stops it first; nothing of it is left.
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not pilot.app.screen.answering)
        fake.hold_answer.set()
        assert [len(column.query("Static")) for column in pilot.app.screen.query(Transcript)] == [1, 0]
        assert len([one for one in fake.requests if one[1] == "/api/chat"]) == 1
