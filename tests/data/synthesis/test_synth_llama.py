"""llama.cpp's own server with the small model: its grammar makes even that one answer as asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tarot_tui.data import dataset
from tarot_tui.data.synthesis import prompt
from tarot_tui.data.synthesis.endpoint import Endpoint
from tarot_tui.data.synthesis.key import KeySource
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.errors import TarotError

pytestmark = pytest.mark.slow
KEY = "key-of-this-test"

WRITE = """
import sys
from pathlib import Path
from tarot_tui.export.gguf import write_ggufs
write_ggufs(Path(sys.argv[1]), [], {"q8_0": Path(sys.argv[2])}, name="small", threads=1)
"""
SERVE = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.port = 2048, 1, 0
params.hostnames, params.api_keys = ["127.0.0.1"], [os.environ["KEY"]]
params.warmup = params.ui = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""
PROMPT = """
writer: You write questions about a tarot card.
row: "The card is {Card}. It stands for {Meaning}."
max_tokens: 120
temperature: 0
"""


@pytest.fixture(scope="module")
def llama(smollm2: Path, tmp_path_factory: pytest.TempPathFactory):
    """The address of a llama.cpp server, in a process of its own, which asks for a key."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "KEY": KEY}
    gguf = tmp_path_factory.mktemp("llama") / "small.gguf"
    subprocess.run([sys.executable, "-c", WRITE, smollm2, gguf], env=environment, check=True)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, gguf],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    try:
        yield server.stdout.readline().strip() + "/v1"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def request_to(llama, request_for, cards, prompt_file, monkeypatch):
    """A request to it for two cards; ``more`` goes into the prompt file."""
    monkeypatch.setenv("LLAMA_KEY", KEY)
    cards.write_text("Card,Meaning\nThe Fool,a new beginning\nThe Moon,fear and dreams\n")

    def make(more=""):
        prompt_file.write_text(PROMPT + more)
        return request_for(
            prompt=prompt.load(prompt_file), url=llama, model="small",
            key=KeySource("env", "LLAMA_KEY"), limits=Limits(concurrency=1, tries=1, timeout=120),
        )  # fmt: skip

    return make


def test_it_answers_in_the_schema_it_is_given(llama, request_to):
    asked = request_to("per_row: 2").prompt
    with Endpoint(llama, "small", KEY, 120) as server:
        answer = server.ask(asked.messages("The card is The Sun. It stands for joy."), asked)
    (samples,) = json.loads(answer.text).values()
    assert [sorted(sample) for sample in samples] == [["answer", "question"]] * 2
    assert answer.usage.counted and answer.usage.completion > 10


def test_its_questions_become_a_dataset_with_the_rows_own_answers(project, jobs, request_to, lines):
    folder, ended = jobs.run(request_to('answer: "{Meaning}"'))
    assert ended.state == "finished"
    samples = dataset.load(project, "reader")
    assert [sample["output"] for sample in samples] == ["a new beginning", "fear and dreams"]
    assert all(sample["instruction"] for sample in samples)
    trace = lines(project.data / "reader.synth" / "trace.jsonl")
    assert [(line["row"], line["model"], line["job"]) for line in trace] == [
        (1, "small", folder.name), (2, "small", folder.name),
    ]  # fmt: skip


def test_what_so_small_a_model_repeats_is_set_aside_as_a_parrot(project, asked, request_to, lines):
    with pytest.raises(TarotError, match="No row is answered"):
        asked(request_to())
    set_aside = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert {line["row"] for line in set_aside} == {1, 2}
    assert {line["reason"] for line in set_aside} <= {
        "echo",
        "copies_row",
        "copies_prompt",
        "loops",
        "repeated",
    }


def test_its_complaints_are_understood(llama, asked, request_to, cards, project, lines, monkeypatch):
    cards.write_text(cards.read_text() + f"The Sun,{'joy ' * 3000}\n")
    assert asked(request_to('answer: "{Meaning}"'))["samples"] == 2
    (left,) = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert (left["row"], left["reason"]) == (3, "declined") and "context" in left["detail"]
    monkeypatch.setenv("LLAMA_KEY", "another")
    with pytest.raises(TarotError, match="wants another key"):
        asked(request_to())
