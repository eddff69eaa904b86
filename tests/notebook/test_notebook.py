"""``tarot-tui notebook``: valid, self-contained, and run here cell by cell (Drive and hub are guarded)."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import nbformat
import pytest

from tarot_tui.cli import main
from tarot_tui.data import registry
from tarot_tui.data.samples import write as write_samples

RECIPE = """\
model_name_or_path: HuggingFaceTB/SmolLM2-135M-Instruct
dataset: deck
cutoff_len: 128
lora_rank: 4
max_steps: 2
logging_steps: 1
save_steps: 1
per_device_train_batch_size: 2
gradient_accumulation_steps: 1
"""
QUESTION = 'What does "The Fool" mean?\\n'


@pytest.fixture
def deck(project, request, monkeypatch):
    """A project with a dataset whose questions hold quotes, and a recipe of two steps."""
    if "slow" not in request.keywords:
        # Making our wheel takes seconds; the test that runs the notebook needs it.
        monkeypatch.setattr("tarot_tui.wheels.of_ourselves", lambda folder: None)
    samples = [{"instruction": QUESTION, "input": "", "output": f"Beginnings {n}."} for n in range(8)]
    write_samples(project.data / "deck.json", samples)
    registry.register(project, "deck", registry.alpaca("deck.json", system=False))
    registry.register(project, "secret", registry.alpaca("secret.json", system=False))
    (project.data / "secret.json").write_text("[]")
    (project.recipes / "quick.yaml").write_text(RECIPE)
    return project


def made(deck, capsys, *arguments):
    file = deck.root / "out.ipynb"
    code = main(["--project", str(deck.root), "notebook", "quick", "-o", str(file), *arguments])
    return code, file, capsys.readouterr().err


def test_it_is_a_valid_notebook_that_holds_what_the_recipe_needs_and_no_more(deck, capsys):
    code, file, _err = made(deck, capsys)
    assert code == 0
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    (data,) = [
        line.partition('"')[2].rstrip('"')
        for cell in notebook.cells
        for line in cell.source.splitlines()
        if line.startswith("DATA = ")
    ]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(data))) as archive:
        assert set(archive.namelist()) == {
            "tarot.yaml",
            "recipes/quick.yaml",
            "data/deck.json",
            "data/dataset_info.json",
        }
        assert list(json.loads(archive.read("data/dataset_info.json"))) == ["deck"]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")


def test_a_file_is_replaced_only_when_asked(deck, capsys):
    made(deck, capsys)
    code, _file, err = made(deck, capsys)
    assert code == 3 and "--replace" in err
    assert made(deck, capsys, "--replace")[0] == 0


def test_a_base_that_is_a_folder_here_cannot_travel(deck, capsys, tmp_path):
    (deck.recipes / "quick.yaml").write_text(
        RECIPE.replace("HuggingFaceTB/SmolLM2-135M-Instruct", str(tmp_path))
    )
    code, file, err = made(deck, capsys)
    assert code == 2 and "model_name_or_path" in err and not file.exists()


@pytest.mark.slow
def test_every_cell_runs_and_a_second_time_goes_on_with_what_is_there(deck, capsys, tmp_path, smollm2):
    from nbclient import NotebookClient

    _code, file, _err = made(deck, capsys, "--quant", "q8_0")
    notebook = nbformat.read(file, as_version=4)
    place = tmp_path / "elsewhere"
    place.mkdir()
    for _time in range(2):
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}})
        client.execute()
    said = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text" in output
    )
    project = place / "tarot-tui" / deck.root.name
    assert (project / "models/quick/quick-q8_0.gguf").is_file()
    assert len(list((project / "jobs").glob("????????-??????-quick"))) == 1
    assert "REPOSITORY is empty" in said
