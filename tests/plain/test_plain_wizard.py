"""The wizard line by line: the same steps, for pipes, screen readers and terminals that only print."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time

import pytest
import yaml
from fakes import nvml

from tarot_tui.plain import ask
from tarot_tui.plain import parameters as plain_parameters
from tarot_tui.plain import train as plain_train
from tarot_tui.project import create
from tarot_tui.tui import spread

COMMAND = [sys.executable, "-m", "tarot_tui", "--plain"]


def walk(folder, *answers: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Start it in ``folder`` and give it ``answers``, a line each."""
    environment = os.environ | {"TAROT_TUI_LANG": "en", "HF_HUB_OFFLINE": "1"} | environ
    return subprocess.run(
        COMMAND, input="\n".join(answers) + "\n", capture_output=True, text=True, cwd=folder, env=environment
    )


def test_a_project_is_made_its_dataset_built_and_looked_at(tmp_path):
    done = walk(
        tmp_path,
        "cards", "y",  # the project, with the example
        "2", "missing.xlsx", "sources/偉特塔羅牌_78張.xlsx", "tarot-en", "",  # documents, template, name
        "y", "n", "n",  # another sample, no other, no check
        "q",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "missing.xlsx does not exist" in done.stdout
    assert (
        "the same from the shell, in the project folder: tarot-tui data build sources/偉特塔羅牌_78張.xlsx"
        in done.stdout.replace("'", "")
    )
    assert "The Fool" in done.stdout
    registry = json.loads((tmp_path / "cards/data/dataset_info.json").read_text("utf-8"))
    assert "tarot-en" in registry
    # Which leads to the next step.
    assert "== Parameters ==" in done.stdout


@pytest.fixture
def built(project):
    """A project with a dataset of two samples."""
    project.data.mkdir(exist_ok=True)
    samples = [{"instruction": f"What is {n}?", "input": "", "output": f"It is {n}."} for n in ("one", "two")]
    (project.data / "cards.json").write_text(json.dumps(samples))
    (project.data / "dataset_info.json").write_text(json.dumps({"cards": {"file_name": "cards.json"}}))
    return project


def test_every_setting_is_asked_as_it_is_declared_and_wrong_answers_are_explained(built):
    done = walk(
        built.root,
        "3", "a new one",  # Parameters, from the defaults
        "2",  # the usual settings, one by one
        "", "", "",  # model, dataset, cutoff_len
        "0", "99999", "4",  # lora_rank
        "", "eight", "1",  # quantization_bit stays off; batch
        "1", "5", "0.0005", "2",  # accumulation, a rate that is none, one that is, epochs
        "mine", "q",
    )  # fmt: skip
    assert "lora_rank: 0 is not allowed" in done.stdout and "lora_rank: 99999 is not allowed" in done.stdout
    assert "learning_rate: 5 is not allowed" in done.stdout
    recipe = yaml.safe_load((built.recipes / "mine.yaml").read_text())
    assert (recipe["lora_rank"], recipe["learning_rate"], recipe["num_train_epochs"]) == (4, 0.0005, 2)
    assert recipe["dataset"] == "cards"
    assert "tarot-tui train mine --dry-run" in done.stdout


@pytest.fixture
def answers(monkeypatch):
    """Gives these answers, a line each, to whatever is asked in this process."""
    monkeypatch.setattr(ask, "_can_move_the_cursor", lambda: False)

    def give(*lines):
        queue = iter(lines)
        monkeypatch.setattr("builtins.input", lambda _question: next(queue))
        return queue

    return give


@pytest.fixture
def done(monkeypatch):
    """The commands that the walk would run; each succeeds. Slurm is not here."""
    commands = []
    monkeypatch.setattr(spread, "slurm_here", lambda: False)
    for module in (plain_train, plain_parameters):
        monkeypatch.setattr(module, "do", lambda _project, argv: commands.append(argv) or 0)
    return commands


def settled(project):
    (project.recipes / "here.yaml").write_text("model_name_or_path: base\ndataset: cards\n")
    project.remember("recipe", "here")


def test_gpus_are_asked_for_where_there_are_several_and_remembered(
    built, tmp_path, monkeypatch, answers, done, capsys
):
    settled(built)
    folder = nvml.build(tmp_path / "nvml")
    asked = {"NVML_GPUS": 3, "NVML_STILL": 1, "NVML_USED": "0:40000", "NVML_PROCESSES": f"0:{os.getpid()}"}
    read = "import json; from tarot_tui.jobs import gpus; print(json.dumps(gpus.readings()))"
    found = subprocess.run(
        [sys.executable, "-c", read], env=nvml.environment(folder, **asked), capture_output=True, check=True
    )
    monkeypatch.setattr(plain_train, "readings", lambda: json.loads(found.stdout))
    monkeypatch.setattr(spread, "gpus_here", lambda: 3)
    answers("start", "3,4", "n")
    assert plain_train.walk(built) is False
    assert done == [["train", "here", "--gpu-ids", "1,2", "--dry-run"]]
    said = capsys.readouterr().out
    assert "GPU 0" in said and str(os.getpid()) in said and "GPU 1" in said and "idle" in said
    # Asked again, they are offered; the idlest are taken instead, as many as are wanted.
    answers("", "1", "17", "2", "n")
    plain_train.walk(built)
    assert done[-1] == ["train", "here", "--num-processes", "2", "--dry-run"]


def test_slurm_is_asked_for_where_there_is_one(built, monkeypatch, answers, done):
    settled(built)
    monkeypatch.setattr(spread, "slurm_here", lambda: True)
    answers("start", "y", "a b", "long", "99", "4", "n")
    assert plain_train.walk(built) is False
    assert done == [["train", "here", "--slurm", "--partition", "long", "--gpus", "4", "--dry-run"]]


def test_the_engine_is_asked_for_where_there_is_another(built, monkeypatch, answers, done):
    settled(built)
    monkeypatch.setenv("TAROT_LLAMAFACTORY_PYTHON", sys.executable)
    answers("here", "1", "here", "", "LLaMA", "start", "n")
    assert plain_parameters.walk(built)
    assert done == [["train", "here", "--engine", "llamafactory", "--dry-run"]]
    plain_train.walk(built)
    assert done[-1] == done[0]


def test_nothing_is_asked_where_there_is_nothing_to_choose(built, monkeypatch, tmp_path, answers, done):
    settled(built)
    monkeypatch.delenv("TAROT_LLAMAFACTORY_PYTHON", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(spread, "gpus_here", lambda: 1)
    left = answers("here", "1", "here", "", "start", "n")
    assert plain_parameters.walk(built) and plain_train.walk(built) is False
    assert done == [["train", "here", "--dry-run"]] * 2 and not list(left)


def test_back_and_the_end_of_input_lose_nothing(built):
    done = walk(built.root, "parameters", "b", "7", "")
    assert done.returncode == 0
    assert done.stdout.count("Steps:") >= 3 and "No models yet" in done.stdout
    assert "comes back here" in done.stdout
    assert not list(built.recipes.glob("*.yaml"))


def test_it_speaks_chinese_too(built):
    done = walk(built.root, "q", TAROT_TUI_LANG="zh_TW")
    assert "1. 環境" in done.stdout and done.returncode == 0


def in_terminal(folder, term: str, keys: bytes) -> bytes:
    """Everything that ``tarot-tui`` (without ``--plain``) prints in a terminal of that kind."""
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": term, "TAROT_TUI_LANG": "en"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tarot_tui", *(["--plain"] if term != "dumb" else [])],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    said, end = b"", time.monotonic() + 120
    while b"Which step?" not in said and time.monotonic() < end:
        said += os.read(master, 65536)
    os.write(master, keys)
    while time.monotonic() < end:
        try:
            said += os.read(master, 65536)
        except OSError:
            break
    assert process.wait(60) == 0
    os.close(master)
    return said


def test_a_dumb_terminal_gets_it_unasked_and_not_one_escape_sequence(tmp_path):
    create(tmp_path)
    said = in_terminal(tmp_path, "dumb", b"q\n")
    assert b"\x1b" not in said and b"1. Environment" in said


def test_a_terminal_that_can_edit_a_line_may(tmp_path):
    create(tmp_path)
    # A wrong number, taken back with the keys of a line editor.
    said = in_terminal(tmp_path, "xterm-256color", b"99\x15q\r")
    assert b"Answer with a number" not in said
