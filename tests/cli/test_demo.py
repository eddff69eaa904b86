"""The demo: says what it will do, skips what is done, and refuses before it begins what cannot end well."""

from __future__ import annotations

import json
from collections import namedtuple

import pytest

from tarot_tui.cli import demo, main
from tarot_tui.project import create, write_text

Usage = namedtuple("Usage", "total used free")
ANSWERS = [
    {"question": "What does The Fool mean upright?", "base": "\x1b[2JI am", "tuned": "A fresh journey"}
]


@pytest.fixture
def roomy(monkeypatch):
    """A machine with enough of everything."""
    monkeypatch.setattr(demo.shutil, "disk_usage", lambda path: Usage(10**12, 0, 10**12))
    monkeypatch.setattr("psutil.virtual_memory", lambda: namedtuple("Memory", "available")(10**11))


@pytest.fixture
def all_done(tmp_path, monkeypatch, roomy):
    """A demo folder whose every step says that it was done before; what each was asked is kept."""
    project = create(tmp_path / "demo", example=True)
    (project.models / demo.RELEASE).mkdir()
    write_text(project.models / demo.RELEASE / demo.ANSWERS, json.dumps(ANSWERS))
    asked = []
    steps = [
        demo.Step(
            step.title, step.seconds, lambda project, args, title=step.title: asked.append(title) or "done"
        )
        for step in demo.STEPS
    ]
    monkeypatch.setattr(demo, "STEPS", steps)
    return project, asked


def test_it_says_each_step_and_its_time_then_shows_both_answers(all_done, capsys):
    project, asked = all_done
    assert main(["demo", "--dir", str(project.root), "--yes"]) == 0
    out = capsys.readouterr().out
    assert asked == [step.title for step in demo.STEPS]
    assert "about 4 min" in out or "about 5 min" in out
    assert "A fresh journey" in out and "I am" in out and "\x1b[2J" not in out
    assert "tarot-tui chat tarot" in out


def test_it_answers_scripts_in_json(all_done, capsys):
    project, _asked = all_done
    assert main(["demo", "--dir", str(project.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == ANSWERS


def test_no_is_an_answer(all_done, capsys, monkeypatch):
    project, asked = all_done
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert main(["demo", "--dir", str(project.root)]) == 0
    assert asked == []


def test_a_small_disk_is_refused_before_anything_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo.shutil, "disk_usage", lambda path: Usage(10**9, 0, 10**8))
    assert main(["demo", "--dir", str(tmp_path / "new"), "--yes"]) == 2
    assert "--dir" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_missing_packages_are_named_with_the_command(tmp_path, capsys, monkeypatch, roomy):
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "peft" else object())
    assert main(["demo", "--dir", str(tmp_path / "new"), "--yes"]) == 2
    assert "peft" in (said := capsys.readouterr().err) and "pip install" in said
