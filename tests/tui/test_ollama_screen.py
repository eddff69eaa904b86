"""The Ollama step: it asks the server, imports as a job, and shows what was proven."""

from __future__ import annotations

import pytest
from fakes.ollama import FakeOllama

from tarot_tui.export.release import write_release
from tarot_tui.jobs.find import all_jobs
from tarot_tui.tui.app import WizardApp

TEMPLATE = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}"


@pytest.fixture
def fake(monkeypatch):
    with FakeOllama() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        yield server


@pytest.fixture
def released(project):
    """A project with the release ``tarot``, on the Ollama step."""
    folder = project.models / "tarot"
    folder.mkdir()
    (folder / "m.gguf").write_bytes(b"GGUF" + bytes(100_000))
    conversation = {"messages": [{"role": "user", "content": "愚者?"}], "prompt": "<user>愚者?"}
    facts = {
        "ggufs": {"q8_0": {"file": "m.gguf"}},
        "template": {"template": TEMPLATE},
        "system": "",
        "stops": ["<|im_end|>"],
        "parameters": {"num_ctx": 512},
        "base": {"name": "tiny"},
        "run": "",
        "findings": [],
        "merged": False,
        "license": "",
        "conversations": [conversation],
    }
    write_release(folder, facts)
    project.remember("step", "ollama")
    return project


async def test_an_import_is_a_job_and_its_proof_is_shown(released, fake, until):
    async with WizardApp(released).run_test(size=(100, 30)) as pilot:
        await until(pilot, "Ollama 0.33.0 answers")
        await pilot.press("enter")
        await until(pilot, "tarot:latest is in Ollama")
        await until(pilot, "exactly as it was trained")
    assert len(all_jobs(released, "import")) == 1
    assert fake.models["tarot:latest"].template == TEMPLATE


async def test_a_taken_name_is_replaced_only_when_asked(released, fake, until):
    fake.add("tarot:latest", template="old")
    async with WizardApp(released).run_test(size=(100, 30)) as pilot:
        await until(pilot, "answers at")
        await pilot.press("enter")
        await until(pilot, "already has a model")
        await until(pilot, "Replace it…")
        # The focus comes back to the button, which takes no press before it looks let go of after the last.
        button = pilot.app.screen.query_one("#primary")
        await until(pilot, lambda: button.has_focus and not button.has_class("-active"))
        assert fake.models["tarot:latest"].template == "old"
        await pilot.press("enter")
        await until(pilot, "Replace the model of that name")
        await pilot.press("y")
        await until(pilot, "is in Ollama")
    assert fake.models["tarot:latest"].template == TEMPLATE


async def test_what_the_server_declines_is_said(released, fake, until):
    fake.create_error = "unsupported architecture"
    async with WizardApp(released).run_test(size=(100, 30)) as pilot:
        await until(pilot, "answers at")
        await pilot.press("enter")
        await until(pilot, "unsupported architecture")
        await until(pilot, "Try again")
