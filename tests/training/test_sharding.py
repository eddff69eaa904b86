"""FSDP and DeepSpeed: files that accelerate reads, what is refused before it starts, and a real run in two processes."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tarot_tui.errors import BadInput, Refused
from tarot_tui.jobs import launch, status
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.training import sharding
from tarot_tui.training.engines.checkpoints import last_complete, step_of
from tarot_tui.training.launch import judged, make_job
from tarot_tui.training.launch_files import ACCELERATE, DEEPSPEED, for_machine, launch_files
from tarot_tui.training.parallel import layout
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import Recipe

#: The worker, able to do it on a CPU.
WORKER = Path(__file__).with_name("sharded_on_cpu.py")
EVERY_WAY = [*({"fsdp": kind} for kind in sharding.FSDP), *({"deepspeed": kind} for kind in sharding.ZERO)]


def recipe(**changed) -> Recipe:
    return Recipe(model_name_or_path="m", dataset="d", **changed)


def ids(project, device="cuda", processes=2, **changed) -> dict[str, str]:
    """Findings and their fixes."""
    return {one.id: one.fix for one in sharding.findings(project, recipe(**changed), processes, device)}


def read_by_accelerate(folder: Path):
    """accelerate's own reading of a file, and what its launcher makes of it."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    file = str(folder / ACCELERATE)
    typed = launch_command_parser().parse_args(["--config_file", file, "script.py"])
    return load_config_from_file(file), _validate_launch_command(typed)[0]


@pytest.mark.parametrize("machines", [1, 2])
@pytest.mark.parametrize("way", [{}, *EVERY_WAY], ids=str)
def test_the_pinned_accelerate_reads_every_file(project, tmp_path, way, machines):
    files = launch_files(project, recipe(**way), layout(4, machines, "10.0.0.1"), cpu=False)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    config, told = read_by_accelerate(tmp_path)
    assert (config.num_processes, config.num_machines, told.num_processes) == (4, machines, 4)
    assert (told.use_fsdp, told.use_deepspeed) == ("fsdp" in way, "deepspeed" in way)
    assert told.multi_gpu == (not way)
    if "fsdp" in way:
        assert (told.fsdp_version, told.fsdp_state_dict_type) == (2, "FULL_STATE_DICT")
        assert told.fsdp_offload_params == way["fsdp"].endswith("offload")
        assert told.fsdp_reshard_after_forward == (way["fsdp"] != "shard_grad_op")
    if "deepspeed" in way:
        assert told.deepspeed_config_file == DEEPSPEED
        assert told.deepspeed_multinode_launcher == "standard"
    other = yaml.safe_load(for_machine(tmp_path / ACCELERATE, 1))
    assert other.pop("machine_rank") == 1
    assert other == {k: v for k, v in yaml.safe_load(files[ACCELERATE]).items() if k != "machine_rank"}


@pytest.mark.parametrize("kind", sharding.ZERO)
def test_accelerate_reads_deepspeeds_file_as_it_is_meant(project, kind):
    from accelerate.utils.deepspeed import HfDeepSpeedConfig

    stage, offload = sharding.ZERO[kind]
    found = HfDeepSpeedConfig(sharding.ds_config(project, recipe(deepspeed=kind)))
    assert (found.is_zero2(), found.is_zero3(), found.is_offload()) == (stage == 2, stage == 3, offload)


def test_what_cannot_be_shared_out_is_refused_with_its_fix(project, monkeypatch):
    monkeypatch.setattr(sharding, "find_spec", lambda name: name)
    assert ids(project) == {}
    assert ids(project, deepspeed="z3") == ids(project, fsdp="full_shard", quantization_bit=4) == {}
    assert ids(project, deepspeed="z2", processes=1, quantization_bit=4) == {}
    assert ids(project, fsdp="full_shard", deepspeed="z2") == {"sharding.both": "deepspeed: null"}
    assert ids(project, "cpu", fsdp="full_shard") == {"sharding.needs_gpu": "fsdp: null"}
    assert ids(project, fsdp="full_shard", processes=1) == {"fsdp.alone": "--num-processes 2"}
    assert ids(project, fsdp="full_shard", quantization_bit=8) == {"fsdp.8bit": "quantization_bit: 4"}
    assert ids(project, fsdp="full_shard", optim="adamw_8bit") == {"fsdp.optim": "optim: adamw_torch"}
    assert ids(project, deepspeed="z3", quantization_bit=4) == {"deepspeed.zero3_quantised": "deepspeed: z2"}
    assert "deepspeed.optim" in ids(project, deepspeed="z2_offload", optim="paged_adamw_8bit")
    monkeypatch.setattr(sharding, "find_spec", lambda name: None)
    assert ids(project, deepspeed="z2") == {"deepspeed.missing": "pip install deepspeed"}


def test_a_file_of_the_users_is_used_as_it_stands_where_it_can_work(project, monkeypatch):
    monkeypatch.setattr(sharding, "find_spec", lambda name: name)
    own = {**sharding.fsdp_config(project, recipe(fsdp="full_shard")), "machine_rank": 7, "debug": True}
    own["fsdp_config"]["fsdp_min_num_params"] = 1000
    (project.root / "own.yaml").write_text(yaml.safe_dump(own))
    assert ids(project, fsdp="own.yaml") == {}
    made = yaml.safe_load(launch_files(project, recipe(fsdp="own.yaml"), layout(2), cpu=False)[ACCELERATE])
    assert (made["machine_rank"], made["fsdp_config"]) == (0, own["fsdp_config"])

    own["fsdp_config"] |= {
        "fsdp_state_dict_type": "SHARDED_STATE_DICT",
        "fsdp_activation_checkpointing": True,
    }
    (project.root / "own.yaml").write_text(yaml.safe_dump(own))
    assert ids(project, fsdp="own.yaml") == {
        "fsdp.file": "fsdp_state_dict_type: FULL_STATE_DICT",
        "fsdp.checkpointing": "gradient_checkpointing: false",
    }

    zero = sharding.ds_config(project, recipe(deepspeed="z3"))
    (project.root / "zero.json").write_text(json.dumps(zero | {"steps_per_print": 5}))
    assert ids(project, deepspeed="zero.json") == {}
    made = launch_files(project, recipe(deepspeed="zero.json"), layout(2), cpu=False)
    assert json.loads(made[DEEPSPEED])["steps_per_print"] == 5
    zero["zero_optimization"].pop("stage3_gather_16bit_weights_on_model_save")
    (project.root / "zero.json").write_text(json.dumps(zero | {"gradient_clipping": 1.0}))
    found = list(sharding.findings(project, recipe(deepspeed="zero.json"), 2, "cuda"))
    assert [one.fix.split('"')[1] for one in found] == [
        "gradient_clipping", "stage3_gather_16bit_weights_on_model_save"
    ]  # fmt: skip


def test_a_file_that_is_none_is_a_plain_mistake(project):
    with pytest.raises(BadInput, match="none of z2, z3"):
        launch_files(project, recipe(deepspeed="z4"), layout(2), cpu=False)
    with pytest.raises(BadInput, match="none of full_shard"):
        ids(project, fsdp="full")
    (project.root / "broken.json").write_text("{")
    with pytest.raises(BadInput, match="JSON"):
        ids(project, deepspeed="broken.json")


def test_on_a_cpu_nothing_is_started(cards, tiny_recipe):
    wanted = tiny_recipe(fsdp="full_shard")
    plan = plan_in_child(cards, wanted)
    said = judged(cards, wanted, plan, layout(2))
    assert judged(cards, wanted, said, layout(2)) == said
    with pytest.raises(Refused, match="fix: fsdp: null"):
        make_job(cards, wanted, replace(plan, findings=[]), "sharded", layout(2))
    assert not list(cards.jobs.glob("*")) if cards.jobs.exists() else True


def sharded_job(project, wanted, **way):
    """A run of two processes that share the model out over gloo."""
    job = make_job(project, wanted, plan_in_child(project, wanted), "sharded", layout(2))
    files = launch_files(project, wanted.model_copy(update=way), layout(2), cpu="fsdp" in way)
    for name, text in files.items():
        (job / name).write_text(text)
    spec = read_spec(job)
    rewrite(job, argv=[*spec["argv"][:-2], str(WORKER)], request={**spec["request"], **way})
    return job


def run(job):
    """Let the job run to its end."""
    launch.start(job)
    deadline = time.monotonic() + 120
    while status.read(job).alive and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status.read(job).state == "finished", (job / "log.txt").read_text()


def learns_alike_and_resumes_exactly(project, wanted, train_here, metrics, **way):
    """The curve of one process, an adapter that is whole, and the same again from its first checkpoint; the run."""
    from safetensors.torch import load_file

    alone = make_job(project, wanted, plan_in_child(project, wanted), "alone")
    train_here(alone)
    job = sharded_job(project, wanted, **way)
    run(job)
    curve = [(line["current_steps"], line["loss"]) for line in metrics(job)]
    same = [(line["current_steps"], line["loss"]) for line in metrics(alone)]
    assert curve == [(step, pytest.approx(loss, rel=2e-3)) for step, loss in same]
    ours, theirs = (load_file(one / "adapter_model.safetensors") for one in (job, alone))
    assert {name: one.shape for name, one in ours.items()} == {
        name: one.shape for name, one in theirs.items()
    }

    last = last_complete(job, 2)
    shutil.rmtree(last)
    assert 0 < step_of(last_complete(job, 2)) < step_of(last)
    (job / "adapter_model.safetensors").unlink()
    run(job)
    assert "Going on after step" in (job / "log.txt").read_text()
    assert [(line["current_steps"], line["loss"]) for line in metrics(job)] == curve
    again = load_file(job / "adapter_model.safetensors")
    assert all((again[name] == ours[name]).all() for name in ours)
    return job


@pytest.mark.slow
def test_fsdp_learns_what_one_process_does_and_resumes_exactly(cards, tiny_recipe, train_here, metrics):
    wanted = tiny_recipe(num_train_epochs=2, save_steps=3, bf16=False)
    job = learns_alike_and_resumes_exactly(cards, wanted, train_here, metrics, fsdp="full_shard")
    # The second process has not read the base: it gets its part from the first.
    assert (job / "loaded.0").read_text() != (job / "loaded.1").read_text()


@pytest.mark.slow
def test_a_model_that_is_trained_whole_and_shared_out_is_saved_as_one_process_saves_it(
    cards, tiny_recipe, train_here, metrics
):
    from safetensors.torch import load_file
    from torch.testing import assert_close

    wanted = tiny_recipe(
        num_train_epochs=1, save_steps=3, bf16=False, finetuning_type="full", learning_rate=1e-3
    )
    alone = make_job(cards, wanted, plan_in_child(cards, wanted), "alone")
    train_here(alone)
    job = sharded_job(cards, wanted, fsdp="full_shard")
    run(job)
    curve, same = metrics(job), metrics(alone)
    assert [line["loss"] for line in curve] == pytest.approx([line["loss"] for line in same], rel=1e-4)
    assert (job / "config.json").read_text() == (alone / "config.json").read_text()
    ours, theirs = (load_file(one / "model.safetensors") for one in (job, alone))
    assert ours.keys() == theirs.keys()
    assert_close(ours, theirs, rtol=2e-2, atol=1e-3)  # of one precision, too


@pytest.mark.external
@pytest.mark.parametrize("kind", sharding.ZERO)
def test_deepspeed_learns_what_one_process_does_and_resumes_exactly(
    cards, tiny_recipe, train_here, metrics, kind
):
    pytest.importorskip("deepspeed")
    wanted = tiny_recipe(num_train_epochs=2, save_steps=3, bf16=False)
    learns_alike_and_resumes_exactly(cards, wanted, train_here, metrics, deepspeed=kind)


@pytest.mark.external
def test_a_base_in_four_bits_is_shared_out_too(cards, tiny_recipe, train_here, metrics):
    pytest.importorskip("bitsandbytes")
    wanted = tiny_recipe(num_train_epochs=2, save_steps=3, bf16=True, quantization_bit=4)
    learns_alike_and_resumes_exactly(cards, wanted, train_here, metrics, fsdp="full_shard")


@pytest.mark.external
@pytest.mark.parametrize("kind", sharding.ZERO)
def test_deepspeeds_own_parser_takes_the_file(project, kind):
    config = pytest.importorskip("deepspeed.runtime.config")
    batch = {"train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 1, "train_batch_size": 1}
    filled = {"gradient_clipping": 1.0, "bf16": {"enabled": True}, "fp16": {"enabled": False}}
    made = sharding.ds_config(project, recipe(deepspeed=kind)) | batch | filled
    made["zero_optimization"] = {k: v for k, v in made["zero_optimization"].items() if v != "auto"}
    found = config.DeepSpeedConfig(made)
    assert (found.zero_optimization_stage, bool(found.zero_config.offload_optimizer)) == sharding.ZERO[kind]
