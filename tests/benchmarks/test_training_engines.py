"""Our training beside LLaMA-Factory's and TRL's: the same model, tokens, order and settings, one thread each.

Each has an environment of its own, named by its Python::

    TAROT_BENCH_LLAMAFACTORY_PYTHON=…/bin/python TAROT_BENCH_TRL_PYTHON=…/bin/python \\
        pytest -m benchmark -s tests/benchmarks/test_training_engines.py

Seconds are of the processor, so that what else the machine does weighs little; those of the clock are printed too.
``TAROT_BENCH_SCALE=0.25`` trains a quarter of the steps.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tarot_tui.project import Project, create

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
STEPS = max(round(30 * SCALE), 6)
SCRIPTS = Path(__file__).parent / "trainers"
#: How the deck becomes samples of about 60, 130 and 400 tokens.
SHORT, MIDDLE, LONG = 60, 36, 24
SETTINGS = {
    "lora_rank": 8, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "learning_rate": 2e-4,
    "lr_scheduler_type": "cosine", "warmup_ratio": 0.0, "max_steps": STEPS, "cutoff_len": 512, "seed": 42,
    "logging_steps": 1, "save_steps": 1000,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a training took. speed: tokens per second of the processor, from the second step on. first, first_wall:
    seconds to the end of the first step, since the process began. peak: bytes. losses: of every step."""

    speed: float
    first: float
    first_wall: float
    begin_wall: float
    peak: int
    losses: list[float] = field(repr=False)

    @property
    def loss(self) -> float:
        """The mean of the last five steps."""
        last = self.losses[-5:]
        return sum(last) / len(last)


@pytest.fixture(scope="module")
def deck(tmp_path_factory, smollm2) -> Project:
    """A project with the dataset ``deck``: samples of very different lengths, made of the example's workbook."""
    from tarot_tui.cli import main
    from tarot_tui.data import registry, samples

    project = create(tmp_path_factory.mktemp("engines") / "project", example=True)
    workbook = next(project.sources.glob("*.xlsx"))
    made = {}
    for name in ("tarot-en", "tarot-zh"):
        words = ["data", "build", str(workbook), "--template", name, "-o", name, "-q", "--project"]
        assert main([*words, str(project.root)]) == 0
        made[name] = json.loads((project.data / f"{name}.json").read_text("utf-8"))
    english, chinese = made["tarot-en"][: 2 * SHORT : 2], made["tarot-zh"][: 4 * MIDDLE : 4]
    cards = [made["tarot-zh"][at : at + 4] for at in range(0, 4 * LONG, 4)]
    whole = [
        {**card[0], **{key: "\n".join(one[key] for one in card) for key in ("instruction", "output")}}
        for card in cards
    ]
    rows = [{"system": "", **row} for row in english + chinese + whole]
    samples.write(project.data / "deck.json", rows)
    registry.register(project, "deck", registry.alpaca("deck.json", system=True))
    return project


class Bench:
    """Runs the trainers, each setting once."""

    def __init__(self, project: Project, model: Path, folder: Path) -> None:
        self.project, self.model, self.folder = project, model, folder
        self._known: dict[str, Cost] = {}

    def ours(self, **changes: Any) -> Cost:
        """The native engine, as ``tarot-tui train`` starts it."""
        recipe = self._recipe(**changes)
        return self._once(f"tarot-tui {changes}", lambda: self._ours(recipe), recipe)

    def factory(self, options: dict[str, Any], **changes: Any) -> Cost:
        """LLaMA-Factory on the same tokens, with ``options`` of its own."""
        recipe = self._recipe(**changes)
        return self._once(f"LLaMA-Factory {options}", lambda: self._factory(recipe, options), recipe)

    def sft(self, options: dict[str, Any]) -> Cost:
        """TRL's SFTTrainer on the same tokens."""
        recipe = self._recipe()
        return self._once(f"TRL {options}", lambda: self._sft(recipe, options), recipe)

    def _recipe(self, **changes: Any) -> Any:
        from tarot_tui.training.recipe import Recipe

        return Recipe(model_name_or_path=str(self.model), dataset="deck", **{**SETTINGS, **changes})

    def _once(self, name: str, work: Any, recipe: Any) -> Cost:
        if name not in self._known:
            found = self._known[name] = _cost(work(), self._tokens(recipe))
            print(
                f"\n{name}: {found.speed:.0f} tokens/s, first step {found.first:.1f} s of CPU ({found.first_wall:.1f} s), "
                f"training from {found.begin_wall:.1f} s, peak {found.peak / 1e6:.0f} MB, loss {found.loss:.4f}"
            )
        return self._known[name]

    def _drawn(self, recipe: Any) -> list[Any]:
        from tarot_tui.training.packing import items
        from tarot_tui.training.samples import prepare

        return items(recipe, prepare(self.project, recipe, self.model).train)

    def _tokens(self, recipe: Any) -> list[int]:
        """Tokens of every step."""
        from tarot_tui.training.order import epoch_order
        from tarot_tui.training.packing import tokens

        lengths = [tokens(item) for item in self._drawn(recipe)]
        size, order, epoch = recipe.per_device_train_batch_size, [], 0
        while len(order) < size * recipe.max_steps:
            order += epoch_order(recipe, lengths, epoch)
            epoch += 1
        return [
            sum(lengths[index] for index in order[at : at + size])
            for at in range(0, size * recipe.max_steps, size)
        ]

    def _rows(self, recipe: Any) -> Path:
        """The tokens as JSON; the samples of a packed row are told apart by their numbers in ``attention_mask``."""
        rows = []
        for item in self._drawn(recipe):
            samples = item if isinstance(item, tuple) else (item,)
            rows.append(
                {
                    "input_ids": [token for one in samples for token in one.input_ids],
                    "labels": [label for one in samples for label in (-100, *one.labels[1:])],
                    "attention_mask": [place for place, one in enumerate(samples, 1) for _ in one.input_ids],
                }
            )
        path = self.folder / f"rows-{recipe.packed}.json"
        path.write_text(json.dumps(rows))
        return path

    def _ours(self, recipe: Any) -> dict[str, Any]:
        from tarot_tui.training.launch import environment, make_job
        from tarot_tui.training.plan import plan_in_child

        job = make_job(self.project, recipe, plan_in_child(self.project, recipe), "bench")
        from tarot_tui.training.device import choose

        return self._clocked(sys.executable, "ours.py", environment=environment([choose()]), job=job)

    def _factory(self, recipe: Any, options: dict[str, Any]) -> dict[str, Any]:
        python = _python("TAROT_BENCH_LLAMAFACTORY_PYTHON")
        rows = self._rows(recipe)
        tokens = rows.with_suffix("")
        if not tokens.exists():
            subprocess.run([python, SCRIPTS / "tokens.py", rows, tokens], check=True, capture_output=True)
        arguments = {
            "stage": "sft", "do_train": True, "model_name_or_path": str(self.model), "dataset": "deck",
            "tokenized_path": str(tokens), "template": "empty", "finetuning_type": "lora", "lora_target": "all",
            "lora_alpha": recipe.alpha, "report_to": "none", "use_cpu": True, "bf16": True, "save_strategy": "no",
            "output_dir": str(self._empty("factory")), **self._same(recipe), **options,
        }  # fmt: skip
        return self._clocked(python, "factory.py", self._file(arguments))

    def _sft(self, recipe: Any, options: dict[str, Any]) -> dict[str, Any]:
        arguments = {
            "model": str(self.model), "rank": recipe.lora_rank, "max_length": recipe.cutoff_len, "report_to": "none",
            "use_cpu": True, "bf16": True, "save_strategy": "no", "completion_only_loss": True, "output_dir": str(self._empty("sft")),
            **{key: value for key, value in self._same(recipe).items() if key != "lora_rank"}, **options,
        }  # fmt: skip
        return self._clocked(
            _python("TAROT_BENCH_TRL_PYTHON"), "sft.py", self._file(arguments), self._rows(recipe)
        )

    def _same(self, recipe: Any) -> dict[str, Any]:
        names = ("lora_rank", "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate",
                 "lr_scheduler_type", "max_steps", "seed", "logging_steps")  # fmt: skip
        return {**{name: getattr(recipe, name) for name in names}, "data_seed": recipe.seed}

    def _file(self, arguments: dict[str, Any]) -> Path:
        path = self.folder / "arguments.json"
        path.write_text(json.dumps(arguments))
        return path

    def _empty(self, name: str) -> Path:
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def _clocked(
        self,
        python: str,
        script: str,
        *arguments: Path,
        environment: dict[str, str] | None = None,
        job: Path | None = None,
    ) -> dict[str, Any]:
        clock = self.folder / "clock.json"
        clock.unlink(missing_ok=True)
        told = {
            **os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE",
            "DISABLE_VERSION_CHECK": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": str(SCRIPTS), "CLOCK": str(clock), **(environment or {}),
            **({"TAROT_JOB_DIR": str(job)} if job else {}),
        }  # fmt: skip
        done = subprocess.run(
            [python, SCRIPTS / script, *arguments], env=told, capture_output=True, text=True, cwd=self.folder
        )
        assert clock.exists(), done.stdout[-2000:] + done.stderr[-4000:]
        return json.loads(clock.read_text())


def _cost(clock: dict[str, Any], tokens: list[int]) -> Cost:
    steps = clock["steps"]
    assert len(steps) == len(tokens) == len(clock["losses"])
    return Cost(
        speed=sum(tokens[1:]) / (steps[-1]["cpu"] - steps[0]["cpu"]),
        first=steps[0]["cpu"],
        first_wall=steps[0]["wall"],
        begin_wall=clock["begin"]["wall"],
        peak=clock["peak"],
        losses=clock["losses"],
    )


def _python(variable: str) -> str:
    if variable not in os.environ:
        pytest.skip(f"{variable} names no Python")
    return os.environ[variable]


@pytest.fixture(scope="module")
def bench(deck, smollm2, tmp_path_factory) -> Bench:
    return Bench(deck, smollm2, tmp_path_factory.mktemp("bench"))


FAST = {"gradient_checkpointing": False}
ROWS = {"packing": True, "per_device_train_batch_size": 1, "max_steps": max(round(24 * SCALE), 6)}
#: LLaMA-Factory at its best on this work, as notes of its own documentation and trials here have it.
BEST = {"disable_gradient_checkpointing": True, "neat_packing": True, "flash_attn": "sdpa"}


def test_as_lean_and_as_soon_as_promised_and_faster_than_llamafactory_as_it_comes(bench):
    theirs, ours, lean = bench.factory({}), bench.ours(**FAST), bench.ours()
    assert ours.loss == pytest.approx(theirs.loss, rel=0.01)
    assert lean.loss == pytest.approx(theirs.loss, rel=0.01)
    speed, memory, first = ours.speed / theirs.speed, lean.peak / theirs.peak, ours.first / theirs.first
    print(f"speed ×{speed:.2f}, memory with checkpointing ×{memory:.2f}, first step ×{first:.2f}")
    assert speed >= 2.5
    assert memory <= 0.6
    assert first <= 0.6


def test_faster_than_llamafactory_at_its_best_on_the_same_rows(bench):
    theirs, ours = bench.factory(BEST, **ROWS), bench.ours(**FAST, **ROWS)
    assert ours.loss == pytest.approx(theirs.loss, rel=0.01)
    print(f"speed ×{ours.speed / theirs.speed:.2f}, memory ×{ours.peak / theirs.peak:.2f}")
    assert ours.speed >= 1.4 * theirs.speed


def test_faster_and_leaner_than_the_sft_trainer_of_trl(bench):
    theirs, ours, lean = bench.sft({}), bench.ours(**FAST), bench.ours()
    assert ours.loss == pytest.approx(theirs.loss, rel=0.01)
    print(f"speed ×{ours.speed / theirs.speed:.2f}, memory with checkpointing ×{lean.peak / theirs.peak:.2f}")
    assert ours.speed >= 2.5 * theirs.speed
    assert lean.peak <= 0.6 * theirs.peak
