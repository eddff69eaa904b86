"""LLaMA-Factory as an engine: what it is told, where it is found, what is refused before anything starts."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from array import array
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tarot_tui.cli import main
from tarot_tui.errors import BadInput, Refused
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.training.encode import Sample
from tarot_tui.training.engines.choice import engine_of
from tarot_tui.training.engines.llamafactory import arguments, environments, install, job, starter, tokens
from tarot_tui.training.parallel import Layout
from tarot_tui.training.plan import plan_in_child

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def data_home(tmp_path, monkeypatch) -> Path:
    """A home of engines of its own, in which nothing is chosen."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv(environments.VARIABLE, raising=False)
    return tmp_path / "share"


@pytest.fixture
def empty_engine(tmp_path) -> Path:
    """A real environment that says it holds LLaMA-Factory 0.9.5, of which nothing can be imported."""
    folder = tmp_path / "lf"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    for name, version in (("llamafactory", "0.9.5"), ("transformers", "5.5.4"), ("torch", "2.13.0+cpu")):
        info = packages / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def request(tiny: Path, **more) -> dict:
    return {
        "base": str(tiny), "precision": "fp32", "device": {"kind": "cpu"}, "steps": 40, "dataset_sha256": {}, **more,
    }  # fmt: skip


def test_it_is_told_everything_that_it_would_guess_wrong(project, tiny_recipe, tiny_llama):
    recipe = tiny_recipe(
        val_size=1,
        warmup_ratio=0.1,
        max_samples=5,
        early_stopping_steps=2,
        eval_steps=3,
        group_by_length=True,
    )
    args = arguments.arguments(project, recipe, request(tiny_llama), measure=True, plots=False)
    assert not set(args) & {
        "dataset_dir", "val_size", "max_samples", "mix_strategy", "packing", "warmup_ratio",
        "early_stopping_steps", "group_by_length", "cutoff_len",
    }  # fmt: skip
    expected = {
        "stage": "sft", "do_train": True, "model_name_or_path": str(tiny_llama), "tokenized_path": "tokens",
        "template": "empty", "output_dir": ".", "overwrite_output_dir": True, "bf16": False, "fp16": False,
        "use_cpu": True, "warmup_steps": 4, "logging_nan_inf_filter": False, "plot_loss": False, "report_to": "none",
        "trust_remote_code": False, "eval_strategy": "steps", "eval_steps": 3, "eval_dataset": "held_out",
        "per_device_eval_batch_size": 2, "train_sampling_strategy": "group_by_length", "save_steps": 2,
        "disable_gradient_checkpointing": True, "neat_packing": False, "lora_alpha": 8, "lora_target": "all",
    }  # fmt: skip
    assert {key: args.get(key) for key in expected} == expected
    assert "resume_from_checkpoint" not in args


def test_it_goes_on_from_the_whole_checkpoint_that_it_is_told(project, tiny_recipe, tiny_llama, tmp_path):
    args = arguments.arguments(
        project,
        tiny_recipe(quantization_bit=4),
        request(tiny_llama, precision="bf16", device={"kind": "cuda"}),
        measure=False,
        plots=True,
        checkpoint=tmp_path / "checkpoint-6",
    )
    assert args["resume_from_checkpoint"] == "checkpoint-6" and args["overwrite_output_dir"] is False
    assert args["quantization_method"] == "bnb" and args["bf16"] is True and args["use_cpu"] is False
    assert args["eval_strategy"] == "no" and "eval_dataset" not in args
    written = yaml.safe_load(arguments.write(tmp_path, args).read_text("utf-8"))
    assert written == args


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"packing": True, "flash_attn": "fa2"}, "packing: true, flash_attn: fa2"),
        ({"deepspeed": "z3"}, "deepspeed: z3"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(project, tiny_recipe, change, named):
    with pytest.raises(Refused, match=f"{named}.*--engine native"):
        arguments.check(project, tiny_recipe(**change))
    arguments.check(project, tiny_recipe(val_size=0.1, eval_dataset=["b"], packing=True, on_oom="shorter"))


def test_a_training_is_refused_where_it_is_not_installed(cards, capsys):
    (cards.recipes / "r.yaml").write_text("dataset: cards\n")
    assert main(["train", "r", "--engine", "llamafactory", "--project", str(cards.root)]) == 3
    assert "engines install llamafactory" in capsys.readouterr().err
    assert not list(cards.jobs.iterdir())


def test_a_run_of_it_remembers_its_engine_and_its_versions(cards, tiny_recipe, empty_engine, monkeypatch):
    monkeypatch.setenv(environments.VARIABLE, str(empty_engine / "bin" / "python"))
    recipe = tiny_recipe()
    plan = job.plan(cards, recipe)
    assert plan.precision == "fp32" and {"llamafactory.tokens"} <= {one.id for one in plan.findings}
    folder = job.make(cards, recipe, plan, "first")
    spec = read_spec(folder)
    assert engine_of(folder) == "llamafactory" and spec["request"]["engine_version"] == "0.9.5"
    assert spec["argv"][-1].endswith("llamafactory.starter") and spec["total"] == plan.steps
    assert not list(folder.glob("accelerate*"))
    with pytest.raises(BadInput, match="one machine"):
        job.make(cards, recipe, plan, "second", Layout(2, 2, "host", 1))
    rewrite(folder, request={**spec["request"], "engine": "other"})
    assert engine_of(folder) == "native"


def test_its_plan_counts_the_scores_of_every_token_and_its_own_packages(cards, tiny_recipe):
    recipe = tiny_recipe(bf16=False, fp16=False)
    plan = plan_in_child(cards, recipe)
    found = environments.Environment(Path("python"), {"llamafactory": "0.9.5", "torch": "2.13.0+cpu"})
    adapted = job.adapted(plan, recipe, found)
    padded = -(-plan.length["max"] // 8) * 8
    assert adapted.memory["logits"] == 2 * padded * 49152 * 12
    assert adapted.memory["low"] < adapted.memory_bytes < adapted.memory["high"]
    assert adapted.memory_bytes > plan.memory_bytes
    assert (adapted.steps, adapted.tokens, adapted.checkpoints) == (plan.steps, plan.tokens, plan.checkpoints)
    small = {"kind": "cuda", "free": adapted.memory["low"] - 1}
    quantised = recipe.model_copy(update={"quantization_bit": 4, "report_to": "wandb"})
    errors = job.adapted(replace(plan, device={**plan.device, **small}), quantised, found).findings
    assert {one.id for one in errors if one.severity == "error"} >= {
        "llamafactory.torch_cpu", "quantization_bit.missing", "report_to.missing",
    }  # fmt: skip
    over = job.adapted(replace(plan, device={**plan.device, "free": 1}), recipe, found)
    assert over.refused and over.findings[0].id == "memory.over"


def test_tokens_are_written_as_they_are_and_packed_ones_numbered(tmp_path):
    long, short = Sample([5, 6, 7], [-100, 6, 7], 3, 1, 0, True), Sample([9, 8], [9, 8], 2, 0, 0, True)
    tokens._write(tmp_path, "train", [long, (short, long)])
    expected = {
        "ids": [5, 6, 7, 9, 8, 5, 6, 7], "labels": [-100, 6, 7, -100, 8, -100, 6, 7],
        "masks": [1, 1, 1, 1, 1, 2, 2, 2], "lengths": [3, 5],
    }  # fmt: skip
    for kind, numbers in expected.items():
        assert array("i", (tmp_path / f"train.{kind}").read_bytes()).tolist() == numbers


def test_it_is_started_without_what_others_ordered(tiny_recipe, monkeypatch):
    for name in ("FORCE_TORCHRUN", "USE_RAY", "PYTHONPATH", "NPROC_PER_NODE", "DISABLE_VERSION_CHECK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    found = starter.variables({"device": {"kind": "cuda"}}, 2)
    assert not {"FORCE_TORCHRUN", "USE_RAY", "PYTHONPATH", "NPROC_PER_NODE"} & set(found)
    assert found["CUDA_VISIBLE_DEVICES"] == "1,3" and found["HF_HUB_OFFLINE"] == "1"
    assert starter.variables({"device": {"kind": "cpu"}}, 1)["CUDA_VISIBLE_DEVICES"] == ""
    one = starter.command_of(Path("/a b/python"), tiny_recipe(), 1)
    assert one[0] == "/a b/python" and one[2] == "llamafactory.yaml"
    two = starter.command_of(Path("/e/python"), tiny_recipe(early_stopping_steps=3, val_size=1), 2)
    assert (
        two[1:4] == ["-m", "torch.distributed.run", "--standalone"] and json.loads(two[-1])["patience"] == 3
    )


def test_what_runs_in_its_python_imports_nothing_that_only_ours_has():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import train; train.find_our_package()\n"
        "from tarot_tui.jobs import files, worker\n"
        "print(sorted(name for name in sys.modules if name in "
        "('yaml', 'pydantic', 'textual', 'rich', 'psutil', 'torch', 'transformers')))"
    )
    inside = Path(starter.__file__).parent / "inside"
    done = subprocess.run([sys.executable, "-I", "-c", code, str(inside)], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_an_environment_is_used_only_when_it_works(empty_engine, capsys, data_home):
    assert main(["engines", "use", str(empty_engine)]) == 3
    assert "does not start" in capsys.readouterr().err and environments.chosen() is None
    assert main(["engines", "use", str(data_home)]) == 2
    with pytest.raises(Refused, match="tarot-tui itself"):
        environments.use(environments.Environment(Path(sys.prefix) / "bin" / "python"))
    environments.use(environments.look(empty_engine / "bin" / "python"))
    assert environments.current().version == "0.9.5"
    capsys.readouterr()
    assert main(["engines", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert listed["native"]["ready"] and listed["llamafactory"]["version"] == "0.9.5"
    assert main(["engines", "check"]) == 1
    assert main(["engines", "remove"]) == 0
    assert environments.chosen() is None and empty_engine.exists()


def test_the_list_says_why_it_cannot_be_used(monkeypatch, capsys):
    monkeypatch.setenv(environments.VARIABLE, "/nowhere/bin/python")
    assert main(["engines", "list"]) == 0
    assert "/nowhere/bin/python is not there" in capsys.readouterr().out
    monkeypatch.setenv(environments.VARIABLE, sys.executable)
    assert main(["engines", "check"]) == 2
    assert "no LLaMA-Factory" in capsys.readouterr().err


@pytest.fixture
def machine(monkeypatch):
    """A machine with disk enough, no GPU, and no uv."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**13, 0, 10**13))
    monkeypatch.setattr("tarot_tui.setup.commands.torch_index", lambda: "https://example.org/whl/cpu")
    monkeypatch.setattr(install, "torch_index", lambda: "https://example.org/whl/cpu")
    which = install.shutil.which
    monkeypatch.setattr("shutil.which", lambda name, **more: None if name == "uv" else which(name, **more))


def test_it_is_installed_by_itself_with_the_versions_that_work(machine, data_home, capsys):
    assert main(["engines", "install", "llamafactory", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    folder = data_home / "tarot-tui" / "engines" / "llamafactory-0.9.5"
    assert said["folder"] == str(folder) and not folder.exists()
    argv = {one["name"]: one["argv"] for one in said["commands"]}
    assert list(argv) == ["environment", "torch", "packages", "proof"]
    assert argv["environment"] == [sys.executable, "-m", "venv", str(folder)]
    pip = [str(folder / "bin/python"), "-m", "pip", "install"]
    assert argv["torch"][:4] == pip and argv["torch"][-5:] == [
        "--index-url", "https://example.org/whl/cpu", "torch", "torchvision", "torchaudio",
    ]  # fmt: skip
    assert {"llamafactory==0.9.5", "transformers==5.5.4", "datasets==4.0.0"} <= set(argv["packages"])
    assert argv["proof"][-5:] == ["engines", "use", "llamafactory", str(folder), "-q"]
    # What the options say is what is done.
    assert (
        main(["engines", "install", "--version", "0.9.6", "--torch-index", "default", "--dry-run", "--json"])
        == 0
    )
    argv = {one["name"]: one["argv"] for one in json.loads(capsys.readouterr().out)["commands"]}
    assert "llamafactory==0.9.6" in argv["packages"] and "transformers!=5.6.0" in argv["packages"]
    assert "--index-url" not in argv["torch"]


def test_an_installation_that_cannot_be_is_refused_before(machine, monkeypatch, tmp_path, capsys):
    for version in ("0.9; rm", "../x", "abc"):
        assert main(["engines", "install", "--version", version, "--dry-run"]) == 2
    assert main(["engines", "install", "--python", "python9", "--dry-run"]) == 2
    assert main(["engines", "install", "--wheelhouse", str(tmp_path), "--dry-run"]) == 2
    assert main(["engines", "install"]) == 3  # nobody can be asked
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10, 10, 10))
    assert main(["engines", "install", "--dry-run"]) == 3


def test_uv_and_a_wheelhouse_are_used_where_they_are(machine, monkeypatch, tmp_path):
    (tmp_path / "torch-2-py3-none-any.whl").touch()
    steps = install.commands(install.wanted(wheelhouse=tmp_path))
    assert all("--no-index" in step.argv for step in steps[1:3])
    monkeypatch.setattr("shutil.which", lambda name, **more: f"/usr/bin/{name}")
    steps = install.commands(install.wanted())
    assert [step.argv[0] for step in steps[:3]] == ["uv", "uv", "uv"]


def test_only_what_was_installed_here_is_deleted(empty_engine, data_home, capsys):
    ours = environments.home() / "llamafactory-0.9.5"
    ours.mkdir(parents=True)
    (ours / "pyvenv.cfg").touch()
    environments.use(environments.look(empty_engine / "bin" / "python"))
    assert main(["engines", "remove"]) == 3  # nobody can be asked
    assert main(["engines", "remove", "--yes"]) == 0
    assert not ours.exists() and empty_engine.exists() and environments.chosen() is None
