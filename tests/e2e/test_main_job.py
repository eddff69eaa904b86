"""The whole chain on the real small model: spreadsheet → samples → LoRA → GGUF → answers, word for word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CARDS = 20
QUANTS = ("q8_0", "q4_k_m")


def tarot(*arguments: str, cwd: Path) -> str:
    """One command line, as a user types it; its output. The test fails with its words when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tarot_tui", *arguments, "--lang", "en"],
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def first_cards(workbook: Path, target: Path) -> None:
    """The first cards of the deck's English sheet as a workbook of their own."""
    import openpyxl

    source = openpyxl.load_workbook(workbook)["Tarot"]
    part = openpyxl.Workbook()
    part.active.title = "Tarot"
    for row in source.iter_rows(max_row=CARDS + 1, values_only=True):
        part.active.append(row)
    part.save(target)


def exact(answers: list[str], samples: list[dict[str, str]]) -> int:
    return sum(answer.strip() == sample["output"] for answer, sample in zip(answers, samples, strict=True))


@pytest.mark.slow
def test_a_spreadsheet_becomes_a_model_that_answers_word_for_word(tmp_path, smollm2):
    from tarot_tui.project import Project
    from tarot_tui.serving.compare import ask

    tarot("init", ".", "--example", cwd=tmp_path)
    project = Project(tmp_path)
    first_cards(next(project.sources.glob("*.xlsx")), tmp_path / "part.xlsx")
    template = "sheets: [Tarot]\nsamples:\n" + (
        '  - instruction: "What does {Card Name} mean upright?"\n    output: "{Upright Meaning}"\n'
    )
    (project.templates / "upright.yaml").write_text(template)

    tarot("data", "build", "part.xlsx", "-o", "part", "--template", "templates/upright.yaml", cwd=tmp_path)
    samples = json.loads((project.data / "part.json").read_text("utf-8"))
    assert len(samples) == CARDS

    settings = ["--set", "dataset=part", "--set", f"model_name_or_path={smollm2}", "--name", "part"]
    # Twenty samples are five steps an epoch; a hundred steps learn them by heart.
    settings += ["--set", "num_train_epochs=20"]
    plan = json.loads(tarot("train", "try-it", *settings, "--dry-run", "--json", cwd=tmp_path))
    assert plan["answers_cut"] == 0
    tarot("train", "try-it", *settings, "--follow", cwd=tmp_path)
    run = json.loads(tarot("runs", "--json", cwd=tmp_path))[-1]
    assert run["state"] == "finished" and run["step"] == run["total"] == plan["steps"]

    tarot("export", "-1", "--quant", ",".join(QUANTS), "-o", "reader", cwd=tmp_path)
    tarot("export", "--base", str(smollm2), "--quant", "q8_0", "-o", "base", cwd=tmp_path)
    questions = [sample["instruction"] for sample in samples]
    for quant in QUANTS:
        tuned = ask(tmp_path / f"models/reader/reader-{quant}.gguf", questions, num_predict=120)
        assert exact(tuned, samples) == CARDS, quant
    base = ask(tmp_path / "models/base/base-q8_0.gguf", questions)
    assert exact(base, samples) == 0

    said = tarot("chat", "reader", "--prompt", questions[0], "--temperature", "0", "--local", cwd=tmp_path)
    assert said.strip() == tuned[0].strip()
