"""The one pass killed at any moment, on a full disk, and over weights that are no numbers."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tarot_tui.export import blas
from tarot_tui.jobs.spec import create
from tarot_tui.training.base import fingerprint

QUANTS = ["bf16", "q8_0", "q4_k_m"]

# The vocabulary is too small to be recognised by its hash, which is of no matter here.
RECOGNISED = """
from tarot_tui.export import converter
converter.activate(converter.newest(print))
import conversion
conversion.TextModel.get_vocab_base_pre = lambda self, tokenizer: "smollm"
"""

# Attempts are children by fork, so that torch is imported once. Each is killed by itself: at some byte, or at the
# door of one of the calls that give a file its name.
KILLED_AT_RANDOM = (
    RECOGNISED
    + """
import os, random, signal, sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.gguf import write_ggufs
from tarot_tui.export.part_file import PartFile, part_of

base, adapter, folder, quants = *map(Path, sys.argv[1:4]), sys.argv[4].split(",")
for quant in quants:  # undisturbed, each in a read of its own, with one thread
    write_ggufs(base, [Weighted(adapter)], {quant: folder / f"whole/{quant}.gguf"}, name="m")
targets = {quant: folder / f"killed/{quant}.gguf" for quant in quants}
chance = random.Random(5)

def attempt(limit, door):
    def die(*arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    if door:
        place, name = door
        setattr(place, name, die)
    seen = []
    def progress(done, total):
        if not seen:
            with open(folder / "begun", "a") as begun:
                print(done / total, file=begun)
        seen.append(done)
        if done >= limit * total:
            die()
    write_ggufs(base, [Weighted(adapter)], targets, name="m", key="k", threads=2, progress=progress)

def run(limit=2, door=None):
    child = os.fork()
    if not child:
        attempt(limit, door)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    for path in targets.values():  # under its name, whole; or not there
        assert not path.exists() or part_of(path)[1].exists() or status == 0, path
    return status

for limit in sorted(chance.random() for _ in range(5)):
    assert run(limit) == signal.SIGKILL
for door in [(os, "fsync"), (PartFile, "forget")]:
    assert run(2, door) == signal.SIGKILL
assert run() == 0
"""
)


@pytest.fixture(scope="module")
def small(make_llama, make_adapter, tmp_path_factory) -> tuple[Path, Path]:
    """A base with a vocabulary of its own, quick to read, and an adapter of it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("small")
    base = make_llama(
        folder / "small", hidden_size=256, intermediate_size=512, num_hidden_layers=6, head_dim=64
    )
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ["the cards say what the cards say"],
        trainers.BpeTrainer(vocab_size=300, special_tokens=["<e>"], initial_alphabet=alphabet),
    )
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<e>",
        chat_template="{% for m in messages %}{{ m.content }}<e>{% endfor %}",
    ).save_pretrained(base)
    return base, make_adapter(base, folder / "adapter")


def test_killed_again_and_again_the_files_come_out_the_same(small, in_child, tmp_path):
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
    in_child(KILLED_AT_RANDOM, *small, tmp_path, ",".join(QUANTS))
    for quant in QUANTS:
        made = (tmp_path / f"killed/{quant}.gguf").read_bytes()
        assert made == (tmp_path / f"whole/{quant}.gguf").read_bytes()
    assert len(list((tmp_path / "killed").iterdir())) == len(QUANTS)
    begun = [float(line) for line in (tmp_path / "begun").read_text().split()]
    # Each goes on where the one before was.
    assert begun == sorted(begun) and begun[-3] > 0.4 and begun[-1] == 1


WORKER = (
    RECOGNISED
    + """
import sys
from tarot_tui.export import worker
sys.exit(worker.main())
"""
)


@pytest.fixture
def export(project, small):
    """Runs the job of an export of ``small``, or of another base or adapter: exit code, complaint, and all else it said."""
    base, adapter = small

    def run(base: Path = base, adapter: Path = adapter, longest: int | None = None) -> tuple[int, str, str]:
        run = create(project, "train", "try-it", ["-"], {})
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            (run / name).write_bytes((adapter / name).read_bytes())
        request = {
            "project": str(project.root), "name": "reader", "run": run.name, "adapter": ".", "base": str(base),
            "base_fingerprint": fingerprint(base), "quants": QUANTS, "merge": False, "replace": False,
        }  # fmt: skip
        job = create(project, "export", "reader", ["-"], request)
        limit = (longest or resource.RLIM_INFINITY,) * 2
        environment = os.environ | blas.environment() | {"TAROT_JOB_DIR": str(job), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )  # fmt: skip
        return done.returncode, done.stderr, done.stdout

    return run


def visible(project) -> list[str]:
    return [path.name for path in project.models.iterdir() if not path.name.startswith(".")]


def test_a_full_disk_is_one_sentence_and_afterwards_it_goes_on(project, export, small):
    room = (small[0] / "model.safetensors").stat().st_size // 2
    code, said, _log = export(longest=room)
    assert code == 1 and len(said.splitlines()) == 1 and "disk is full" in said
    assert visible(project) == []
    left = [path.stat().st_size for path in (project.models / ".reader.making").glob(".*.part")]
    assert len(left) == len(QUANTS) and max(left) == room
    code, said, log = export()
    assert code == 0 and "Going on behind" in log, said
    release = json.loads((project.models / "reader/release.json").read_text())
    for quant in QUANTS:
        data = (project.models / f"reader/reader-{quant}.gguf").read_bytes()
        assert release["ggufs"][quant]["sha256"] == hashlib.sha256(data).hexdigest()


def damaged(base: Path, how: str) -> None:
    """Spoil the weights of a copy."""
    path = base / "model.safetensors"
    data = bytearray(path.read_bytes())
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    start = (
        header["model.layers.3.mlp.up_proj.weight"]["data_offsets"][0]
        + 8
        + int.from_bytes(data[:8], "little")
    )
    if how == "not a number":
        data[start + 100 : start + 102] = b"\xc0\x7f"
    else:
        del data[start:]
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("how", "says"), [("not a number", "model.layers.3.mlp.up_proj"), ("cut off", "fetch it again")]
)
def test_spoilt_weights_are_one_sentence_and_leave_nothing(project, export, small, copy_of, how, says):
    base = copy_of(small[0])
    damaged(base, how)
    code, said, _log = export(base)
    assert code == 3 and len(said.splitlines()) == 1 and says in said
    assert visible(project) == [] and not list((project.models / ".reader.making").glob(".*"))


def test_an_adapter_of_another_base_is_one_sentence(project, export, small, adapter):
    code, said, _log = export(adapter=adapter)  # of a base of another width
    assert code == 3 and len(said.splitlines()) == 1 and "is it the base" in said
    assert visible(project) == []
