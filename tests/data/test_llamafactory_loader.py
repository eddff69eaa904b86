"""LLaMA-Factory's own loader reads every kind of dataset that we write, and sees the same conversations.

It wants packages older than ours, so it runs in an environment of its own::

    python -m venv lf && lf/bin/pip install llamafactory==0.9.5 "transformers==5.5.4"
    TAROT_LLAMAFACTORY_PYTHON=lf/bin/python pytest -m external tests/data/test_llamafactory_loader.py
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tarot_tui.data import dataset
from tarot_tui.data.build import build
from tarot_tui.data.convert import convert
from tarot_tui.data.split import split

PYTHON = os.environ.get("TAROT_LLAMAFACTORY_PYTHON", "")

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(not PYTHON, reason="TAROT_LLAMAFACTORY_PYTHON names no Python"),
]

# Its loader up to the point where a template and a tokenizer would come in.
LOAD = """
import json, sys
from llamafactory.data.loader import _load_single_dataset
from llamafactory.data.parser import get_dataset_list
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import Seq2SeqTrainingArguments

folder, names = sys.argv[1], json.loads(sys.argv[2])
model = ModelArguments(model_name_or_path="none")
data = DataArguments(dataset=names, dataset_dir=folder)
training = Seq2SeqTrainingArguments(output_dir=folder + "/out", report_to="none")
found = {}
for name, attr in zip(data.dataset, get_dataset_list(data.dataset, folder)):
    rows = _load_single_dataset(attr, model, data, training)
    found[name] = [
        ([{"role": "system", "content": row["_system"]}] if row["_system"] else []) + row["_prompt"] + row["_response"]
        for row in rows
    ]
print("\\n" + json.dumps(found))
"""


def as_llamafactory_reads(project) -> dict[str, list]:
    names = ",".join(dataset.names(project))
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(project.root / "cache"),
        "LC_ALL": "C",
    }
    done = subprocess.run(
        [PYTHON, "-c", LOAD, project.data, json.dumps(names)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


TURNS = """
seed: 3
samples:
- {instruction: "{Card Name}[ ({Number})]", output: "{Upright Meaning}", system: 讀牌, then: [{instruction: 逆位？, output: "{Reversed Meaning}"}]}
- {instruction: ["{Card Name}?", "問{Card Name}"], paraphrases: one, input: "{Number}", output: "{Upright Meaning}"}
"""
PLAIN = "samples: [{instruction: '{Card Name}', output: '{Upright Meaning}'}]"
CHAT = "chat: {conversation: '{C}', speaker: '{S}', text: '{T}', user: u, assistant: a}"


@pytest.fixture
def everything(project, deck, written):
    """A project with a dataset of every kind that there is a command for."""
    build(project, [deck], "cells")
    build(project, [deck], "plain", written("plain.yaml", PLAIN))
    build(project, [deck], "塔羅", written("turns.yaml", TURNS))
    log = written("log.csv", "C,S,T\n1,u,q\n1,a,a\n1,u,r\n1,a,b\n2,u,問\n2,a,答\n")
    build(project, [log], "log", written("chat.yaml", CHAT))
    wild = [
        {"instruction": "i", "input": "n", "output": "o\u2028\U0001f0cf"},
        {"instruction": "j", "output": "", "system": "s", "history": [["a", "b"], ["c", "d"]], "id": 5},
    ]
    build(project, [written("wild.json", json.dumps(wild))], "wild")
    for form in ("alpaca", "messages", "sharegpt"):
        for lines in (False, True):
            of = "plain" if lines and form == "alpaca" else "塔羅"
            convert(project, of, f"{form}{'-lines' * lines}", form, lines=lines)
    # Longer than a block of its reader, with the first turns of several only at the end.
    long = [{"instruction": f"q{i}", "output": "x" * 3000} for i in range(4000)]
    long.append({"instruction": "r", "output": "b", "system": "s", "history": [["q", "a"]]})
    source = written("long.json", json.dumps(long))
    for form in ("alpaca", "messages"):
        convert(project, str(source), f"long-{form}", form, lines=form == "messages")
    # Texts that a table reader would take for numbers and dates.
    digits = [{"instruction": f"{i}", "output": f"2024-01-{i:02}"} for i in range(1, 9)]
    digits_too = [{"instruction": f"2024-01-{i:02}", "output": f"{i}"} for i in range(1, 9)]
    build(project, [written("digits.json", json.dumps(digits))], "digits")
    build(project, [written("dates.json", json.dumps(digits_too))], "dates")
    split(project, "cells", 0.4)
    split(project, "messages-lines", 0.5)
    return project


def test_it_sees_what_we_see_in_every_dataset(everything):
    read = as_llamafactory_reads(everything)
    assert list(read) == dataset.names(everything)
    for name, conversations in read.items():
        assert conversations == dataset.conversations(everything, name), name


def test_the_environment_is_the_release_that_we_speak_of():
    version = "from importlib.metadata import version; print(version('llamafactory'))"
    assert subprocess.check_output([PYTHON, "-c", version], text=True).strip() == "0.9.5"
    assert Path(PYTHON).exists()
