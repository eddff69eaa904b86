"""Parts of a dataset, and whether datasets are as old as what they were made of."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from tarot_tui.data import dataset
from tarot_tui.data.split import position, split
from tarot_tui.data.status import status
from tarot_tui.errors import BadInput

MANY = [{"instruction": f"q{i}", "input": "", "output": f"a{i}", "own": i} for i in range(400)]


def test_the_same_question_is_on_the_same_side_forever(project, registered):
    registered("d", MANY)
    train, evaluation = split(project, "d", 0.1)
    assert train.samples + evaluation.samples == 400 and 20 <= evaluation.samples <= 60
    held = {one["instruction"] for one in dataset.samples(project, "d-eval")}
    assert held.isdisjoint(one["instruction"] for one in dataset.samples(project, "d-train"))

    # More samples, in another order and form, with other answers; and a larger share.
    other = [
        {"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "new"}]}
        for i in reversed(range(500))
    ]
    registered(
        "e", other, formatting="sharegpt", columns={"messages": "messages"},
        tags={"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    )  # fmt: skip
    split(project, "e", 0.1)
    now = {one["instruction"] for one in dataset.samples(project, "e-eval")}
    assert {question for question in now if int(question[1:]) < 400} == held
    split(project, "e", 0.3, names=("more", "held"))
    assert now < {one["instruction"] for one in dataset.samples(project, "held")}


def test_the_parts_keep_what_the_samples_and_the_entry_say(project, tarot, registered):
    registered("d", MANY, columns={"prompt": "instruction", "response": "output"})
    code, out, _err = tarot("split", "d", "--eval", "0.2", "--json")
    report = json.loads(out)
    assert code == 0 and report["eval"]["name"] == "d-eval" and report["train"]["path"] == "data/d-train.json"
    parts = [json.loads((project.root / report[side]["path"]).read_text()) for side in ("train", "eval")]
    assert sorted(parts[0] + parts[1], key=lambda one: one["own"]) == MANY
    entries = json.loads((project.data / "dataset_info.json").read_text())
    assert entries["d-eval"] == entries["d"] | {"file_name": "d-eval.json"}


def test_a_position_hangs_on_the_questions_alone():
    def said(*turns):
        return [{"role": role, "content": content} for role, content in turns]

    one = said(("user", "q"), ("assistant", "a"))
    assert position(one) == position(said(("system", "s"), ("user", "q"), ("assistant", "b")))
    assert 0 <= position(one) < 1 and position(one) != position(said(("user", "r"), ("assistant", "a")))


@pytest.mark.parametrize("share", [0, 1, -0.1, 1e-12, float("nan")])
def test_a_share_that_leaves_one_side_empty_is_refused(project, registered, share):
    registered("d", MANY[:5])
    with pytest.raises(BadInput):
        split(project, "d", share)
    assert not list(project.data.glob("d-*"))


TEMPLATE = "system_file: who.txt\nsamples: [{instruction: '{Card Name}', output: '{Upright Meaning}'}]"


@pytest.fixture
def built(project, tarot, deck):
    """A dataset of a folder of sources, with a template and the file that it names; and what was made of it."""
    deck.rename(project.sources / "deck.xlsx")
    (project.templates / "t.yaml").write_text(TEMPLATE, "utf-8")
    (project.templates / "who.txt").write_text("You are {who}.", "utf-8")
    sources = project.sources
    assert (
        tarot("build", sources, "-o", "cards", "--template", "t", "--sheets", "塔羅牌", "--header", "1")[0]
        == 0
    )
    assert tarot("convert", "cards", "--to", "messages", "-o", "said", "--jsonl")[0] == 0
    assert tarot("split", "cards", "--eval", "0.5", "--names", "learn,measure")[0] in (0, 2)
    return project


def states(project):
    return {one.name: one.state for one in status(project)}


def test_what_is_as_old_as_its_sources_is_up_to_date(built, registered, tarot):
    registered("own", [])
    found = states(built)
    assert found.pop("own") == "unknown" and set(found.values()) == {"current"}
    assert dataset.load(built, "cards")[0]["system"] == "You are {who}."
    assert "cards: up to date" in tarot("status")[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda project: (project.templates / "t.yaml").write_text(TEMPLATE + "\n"), "templates/t.yaml has changed"),
        (lambda project: (project.templates / "who.txt").write_text("Somebody"), "templates/who.txt has changed"),
        (lambda project: (project.sources / "b.csv").write_text("Card Name,Upright Meaning\na,b\n"), "sources/b.csv is new"),
        (lambda project: (project.sources / "deck.xlsx").unlink(), "sources/deck.xlsx is gone"),
        (lambda project: (project.data / "cards.json").unlink(), "its data file data/cards.json is gone"),
    ],
)  # fmt: skip
def test_what_changed_is_said_and_what_was_made_of_it_is_stale_too(built, change, says):
    change(built)
    found = {one.name: one for one in status(built)}
    assert found["cards"].state == found["said"].state == "stale" and says in found["cards"].why


def run(command):
    """The command as one pastes it into a shell."""
    words = shlex.split(command)
    assert words[0] == "tarot-tui"
    subprocess.run([sys.executable, "-m", "tarot_tui", *words[1:], "-q"], check=True)


def test_the_command_that_is_shown_makes_it_current_again(built, monkeypatch):
    for folder in (built.root.parent, built.data):
        monkeypatch.chdir(folder)
        (built.templates / "who.txt").write_text(f"Somebody in {folder}")
        for name in ("cards", "said"):
            command = next(one.command for one in status(built, [name]))
            run(command)
        found = states(built)
        assert found["cards"] == found["said"] == "current"


def test_a_rebuild_keeps_the_edits(built, tarot, monkeypatch):
    assert tarot("drop", "cards", "1")[0] == 0
    left = dataset.load(built, "cards")
    monkeypatch.chdir(built.root)
    command = next(one.command for one in status(built, ["cards"]))
    run(command)
    assert dataset.load(built, "cards") == left


def test_an_unknown_name_is_answered_with_the_nearest(built, tarot):
    code, _out, err = tarot("status", "card")
    assert code == 2 and "did you mean 'cards'?" in err
