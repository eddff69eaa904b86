"""Writing a template while its samples are shown; and the child that reads the documents for it."""

from __future__ import annotations

import pytest
from textual.widgets import TextArea

from tarot_tui.errors import BadInput
from tarot_tui.project import create
from tarot_tui.tui import preview
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.template import skeleton
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.confirm import Confirm

FAQ = "問題,回答\n愚者？,新的開始\n月亮？,夢境\n"
RULES = 'samples:\n  - instruction: "{問題}"\n    output: "{回答}"\n'


@pytest.fixture
def faq(tmp_path):
    """A project with one small table and a template for it."""
    project = create(tmp_path / "faq")
    (project.sources / "faq.csv").write_text(FAQ, "utf-8")
    (project.templates / "faq.yaml").write_text(RULES, "utf-8")
    project.remember("step", "dataset")
    return project


async def test_the_samples_follow_what_is_typed_and_nothing_is_written_before_saving(faq, until):
    app = WizardApp(faq)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "愚者？")
        await pilot.press("t")
        await until(pilot, "Template faq")
        await until(pilot, "新的開始")
        area = app.screen.query_one(TextArea)
        area.text = RULES.replace('"{問題}"', '"塔羅：{問題}"')
        await until(pilot, "塔羅：月亮？")
        await until(pilot, "not saved")
        assert (faq.templates / "faq.yaml").read_text("utf-8") == RULES
        area.text = RULES.replace("{回答}", "{回達}")
        await until(pilot, "faq.yaml, pattern 1: no column '回達'")
        area.text = RULES.replace("{回答}", "答：{回答}")
        await until(pilot, "答：夢境")
        await pilot.press("ctrl+o")
        await until(pilot, "Saved as templates/faq.yaml.")
        assert "答：" in (faq.templates / "faq.yaml").read_text("utf-8")
        await pilot.press("escape")
        await until(pilot, "答：新的開始")
        assert app.screen.id == "dataset"
    assert [path.name for path in faq.templates.iterdir()] == ["faq.yaml"]


async def test_leaving_asks_about_what_is_not_saved(faq, until):
    app = WizardApp(faq)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("t")
        await until(pilot, "Template faq")
        await pilot.press("x", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        await pilot.press("n")
        await pilot.pause()
        assert app.screen.query_one(TextArea).text == "x" + RULES
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert app.screen.id == "dataset"
    assert (faq.templates / "faq.yaml").read_text("utf-8") == RULES


async def test_a_new_template_begins_with_the_columns_that_are_there(faq, until):
    (faq.templates / "faq.yaml").unlink()
    app = WizardApp(faq)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "{問題}")
        await pilot.press("t")
        await until(pilot, "Template mine")
        await until(pilot, "愚者？")
        await pilot.press("ctrl+o")
        await until(pilot, "Saved as templates/mine.yaml")
        await pilot.press("escape")
        await until(pilot, "mine")
        assert app.screen.query_one("#template", Choice).value == "mine.yaml"
    assert (faq.templates / "mine.yaml").read_text("utf-8") == RULES


def test_a_skeleton_without_columns_is_still_a_start():
    assert skeleton([]) == 'samples:\n  - instruction: "{…}"\n    output: "{…}"\n'


def ask(project, **changes):
    request = {
        "root": str(project.root),
        "sources": ["sources"],
        "template": "templates/faq.yaml",
        "text": None,
    }
    return preview.preview(request | changes)


def test_a_preview_has_columns_with_examples_samples_and_what_cannot_be_read(faq):
    (faq.sources / "broken.xlsx").write_bytes(b"PK not a workbook")
    found = ask(faq)
    assert found["tables"] == [{"name": "faq.csv", "columns": [["問題", "愚者？"], ["回答", "新的開始"]]}]
    assert [sample["instruction"] for sample in found["samples"]] == ["愚者？", "月亮？"]
    assert len(found["problems"]) == 1 and "broken.xlsx" in found["problems"][0]


def test_rows_are_read_again_only_when_the_file_changed(faq, monkeypatch):
    ask(faq)
    reads = []
    monkeypatch.setattr(
        preview, "tables", lambda *a, real=preview.tables, **k: reads.append(a) or real(*a, **k)
    )
    ask(faq, text=RULES.replace("{問題}", "新：{問題}"))
    assert not reads
    (faq.sources / "faq.csv").write_text(FAQ + "太陽？,喜悅\n", "utf-8")
    assert len(ask(faq)["samples"]) == 3 and len(reads) == 1


def test_a_draft_is_named_as_the_file_it_will_be_and_leaves_nothing_behind(faq):
    found = ask(faq, text="samples:\n  - [")
    assert found["wrong"].startswith("faq.yaml, line 2: not valid YAML")
    assert found["tables"] and not found["samples"]
    with pytest.raises(BadInput, match="nowhere"):
        ask(faq, sources=["nowhere"])
    assert [path.name for path in faq.templates.iterdir()] == ["faq.yaml"]
