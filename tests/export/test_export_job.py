"""The command, its job, and the release: also killed, stopped, refused, and on a full disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.export import blas, making, worker
from tarot_tui.export.modelfile import parse
from tarot_tui.export.release import read_release, releases
from tarot_tui.export.template import go_renderer
from tarot_tui.jobs.spec import create
from tarot_tui.training.base import fingerprint


@pytest.fixture(scope="module")
def tiny_adapter(tiny_llama, make_adapter, tmp_path_factory) -> Path:
    """An adapter of ``tiny_llama``."""
    return make_adapter(tiny_llama, tmp_path_factory.mktemp("tiny") / "adapter")


def register(project, name: str, systems: list[str]) -> None:
    """A dataset whose samples have these system prompts."""
    samples = [
        {"instruction": "q", "input": "", "output": "a"} | ({"system": s} if s else {}) for s in systems
    ]
    (project.data / f"{name}.json").write_text(json.dumps(samples))
    columns = {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}
    path = project.data / "dataset_info.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {name: {"file_name": f"{name}.json", "columns": columns}}))


@pytest.fixture
def make_run(project):
    """A finished training of ``base`` that left ``adapter``, in ``folder`` of its job (default: the job's root)."""

    def make(base: Path, adapter: Path | None, folder: str = "", dataset: list[str] = ()) -> Path:
        request = {
            "model_name_or_path": "tarot/tiny", "base": str(base), "base_fingerprint": fingerprint(base),
            "dataset": list(dataset), "cutoff_len": 300, "max_samples": None,
        }  # fmt: skip
        run = create(project, "train", "try-it", ["-"], request)
        if adapter:
            (run / folder).mkdir(exist_ok=True)
            for name in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copyfile(adapter / name, run / folder / name)
        return run

    return make


@pytest.fixture
def tarot(project, capsys):
    """Run a command line in the project: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--project", str(project.root), "--lang", "en"])
        return code, *capsys.readouterr()

    return run


def test_a_run_becomes_a_release(project, make_run, tarot, tiny_llama, tiny_adapter):
    register(project, "cards", ["你是塔羅師。"] * 2)
    run = make_run(tiny_llama, tiny_adapter, dataset=["cards"])
    code, out, err = tarot("export", "-1", "--quant", "Q8_0,q4-k-m", "-o", "reader")
    assert code == 0, out + err
    assert "tarot-tui chat reader" in out
    release = read_release(project, "reader")
    assert releases(project) == ["reader"]
    assert list(release.ggufs) == ["q8_0", "q4_k_m"]
    for quant, path in release.ggufs.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == release.facts["ggufs"][quant]["sha256"]
    assert release.run == run.name and release.base == "tarot/tiny"
    assert release.system == "你是塔羅師。" and release.stops == ["<|im_end|>"]
    assert release.parameters == {"num_ctx": 2048}  # no more than the model can hold
    assert release.merged is None
    assert {"export.narrow", "tokens.equal"} == {finding.id for finding in release.findings}
    commands = dict(parse((release.folder / "Modelfile").read_text("utf-8")))
    assert commands["model"] == "./reader-q8_0.gguf" and commands["template"] == release.template
    trained = {"role": "system", "content": "你是塔羅師。"}
    assert trained in [one["messages"][0] for one in release.conversations]
    go = go_renderer(release.template)
    for one in release.conversations:
        assert go(one["messages"]) == one["prompt"]

    code, _out, err = tarot("export", "-1", "-o", "reader")
    assert code == 3 and "already" in err
    before = release.ggufs["q8_0"].stat().st_ino
    code, out, err = tarot("export", "-1", "-o", "reader", "--quant", "q8_0", "--replace", "--json")
    assert code == 0 and json.loads(out)["state"] == "finished"
    release = read_release(project, "reader")
    assert release.ggufs["q8_0"].stat().st_ino == before  # not made again
    assert sorted(path.name for path in release.folder.iterdir()) == [
        "Modelfile", "reader-q8_0.gguf", "release.json", "template.gotmpl",
    ]  # fmt: skip
    assert [path.name for path in project.models.iterdir()] == ["reader"]


def test_the_last_whole_checkpoint_of_a_stopped_run_is_taken_and_that_is_said(
    project, make_run, tarot, base, adapter
):
    run = make_run(base, adapter, "checkpoint-20")
    (run / "checkpoint-20/trainer_state.json").write_text("{}")
    shutil.copytree(run / "checkpoint-20", run / "checkpoint-3")
    (run / "checkpoint-100").mkdir()
    shutil.copyfile(adapter / "adapter_config.json", run / "checkpoint-100/adapter_config.json")
    code, out, _err = tarot("export", "try-it", "--merge")
    assert code == 0
    release = read_release(project, "try-it")
    assert release.facts["adapter"] == "checkpoint-20" and release.facts["step"] == 20
    assert any(finding.id == "export.checkpoint" for finding in release.findings)
    assert "step 20" in out
    assert (release.merged / "model.safetensors").is_file() and release.ggufs == {}


def test_wrong_requests_are_one_sentence(project, make_run, tarot, base, adapter):
    assert tarot("export", "-1")[0] == 2
    make_run(base, None)
    code, _out, err = tarot("export", "-1")
    assert code == 2 and "no adapter yet" in err
    make_run(base, adapter)
    code, _out, err = tarot("export", "-1", "--quant", "q9")
    assert code == 2 and "q9" in err and "q4_k_m" in err
    assert tarot("export", "-1", "--quant", "q8_0", "-o", "../out")[0] == 2
    assert len(list(project.jobs.iterdir())) == 2 and not list(project.models.iterdir())


def test_another_model_under_the_same_path_is_refused(make_run, tarot, copy_of, base, adapter):
    moved = copy_of(base)
    run = make_run(moved, adapter)
    (moved / "config.json").write_text((moved / "config.json").read_text().replace("}", ' ,"x": 1}', 1))
    code, _out, err = tarot("export", run.name)
    assert code == 3 and "not the one" in err
    shutil.rmtree(moved)
    code, _out, err = tarot("export", run.name)
    assert code == 2 and "no longer" in err


def test_a_refusal_of_the_worker_is_the_commands_own(project, make_run, tarot, copy_of, base, adapter):
    make_run(base, copy_of(adapter, "adapter_config.json", layer_replication=[[0, 1]]))
    code, out, _err = tarot("export", "-1", "--quant", "q8_0")
    assert code == 3 and "layer_replication" in out and "Traceback" not in out
    assert releases(project) == [] and not list(project.models.iterdir())


def requested(
    project, run: Path, base: Path, name: str, quants: list[str], merge: bool, replace: bool = False
) -> Path:
    """The job of an export, not started."""
    request = {
        "project": str(project.root), "name": name, "run": run.name, "adapter": ".", "base": str(base),
        "quants": quants, "merge": merge, "replace": replace,
    }  # fmt: skip
    return create(project, "export", name, ["-"], request)


KILLED = """
import os, signal
from tarot_tui.export import {module}

def killed(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

{module}.{function} = killed
from tarot_tui.export import worker
worker.main()
"""


def run_killed(job: Path, module: str, function: str) -> None:
    """Run the worker and kill it, as the kernel would, when it comes to ``function``."""
    environment = os.environ | blas.environment() | {"TAROT_JOB_DIR": str(job), "HF_HUB_OFFLINE": "1"}
    code = KILLED.format(module=module, function=function)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def visible(project) -> list[str]:
    return [path.name for path in project.models.iterdir() if not path.name.startswith(".")]


def test_killed_while_writing_or_before_the_end_nothing_half_made_is_seen(
    project, make_run, in_child, monkeypatch, tiny_llama, tiny_adapter
):
    job = requested(project, make_run(tiny_llama, tiny_adapter), tiny_llama, "reader", ["q8_0"], True)
    unfinished = project.models / ".reader.making"
    run_killed(job, "merge", "_copy")
    assert visible(project) == [] and not (unfinished / "merged").exists()
    run_killed(job, "gguf", "_stored")
    assert visible(project) == [] and (unfinished / "merged").is_dir() and list(unfinished.glob(".*.part"))
    assert not list(unfinished.glob("*.gguf"))
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    said = in_child("from tarot_tui.export.worker import main; assert main() == 0")
    assert "Merging" not in said  # that piece was finished
    assert visible(project) == ["reader"] and not unfinished.exists()
    assert len(list((project.models / "reader").glob("*.gguf"))) == 1
    assert not list((project.models / "reader").glob(".*"))


def test_killed_at_the_very_end_everything_is_kept(project, make_run, in_child, monkeypatch, base, adapter):
    job = requested(project, make_run(base, adapter), base, "reader", [], True)
    code = KILLED.format(module="worker", function="_publish")
    environment = os.environ | {"TAROT_JOB_DIR": str(job)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True).returncode == -9
    assert visible(project) == []
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    assert "Merging" not in in_child("from tarot_tui.export.worker import main; assert main() == 0")
    assert visible(project) == ["reader"]


KILLED_BETWEEN = """
import os, signal
from pathlib import Path
real = Path.rename
def rename(self, target):
    if self.name.endswith(".making"):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.rename = rename
from tarot_tui.export.worker import main
main()
"""


def test_killed_while_it_takes_the_place_of_an_older_one_neither_is_lost(
    project, make_run, in_child, monkeypatch, base, adapter
):
    job = requested(project, make_run(base, adapter), base, "reader", [], True, replace=True)
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    in_child("from tarot_tui.export.worker import main; assert main() == 0")
    assert subprocess.run([sys.executable, "-c", KILLED_BETWEEN]).returncode == -signal.SIGKILL
    assert visible(project) == []
    said = in_child("from tarot_tui.export.worker import main; assert main() == 0")
    assert "Merging" not in said and visible(project) == ["reader"]
    assert not list(project.models.glob(".*")) and not list((project.models / "reader").glob("pieces.json"))


def test_what_was_finished_for_another_adapter_is_not_taken_up(
    project, make_run, in_child, monkeypatch, base, adapter
):
    run = make_run(base, adapter)
    job = requested(project, run, base, "reader", [], True)
    run_killed(job, "worker", "_publish")
    path = run / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    assert "Merging" in in_child("from tarot_tui.export.worker import main; assert main() == 0")


def test_a_stopped_export_says_so_and_leaves_nothing_visible(project, make_run, monkeypatch, base, adapter):
    job = requested(project, make_run(base, adapter), base, "reader", [], True)
    (job / "worker.stop").touch()
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    assert worker.main() == 0
    assert json.loads((job / "result.json").read_text())["outcome"] == "stopped"
    assert visible(project) == []


def test_who_deletes_an_export_that_was_not_finished_deletes_what_it_has_made(
    project, make_run, tarot, base, adapter
):
    job = requested(project, make_run(base, adapter), base, "reader", [], True)
    run_killed(job, "worker", "_publish")
    assert (project.models / ".reader.making/merged").is_dir()
    with making.alone(project, "reader"):  # another export of that name goes on with it
        making.forget(project, job)
    assert (project.models / ".reader.making/merged").is_dir()
    assert tarot("rm", job.name, "--yes")[0] == 0
    assert not list(project.models.iterdir())


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    project, make_run, monkeypatch, base, adapter
):
    from tarot_tui.export import disk

    job = requested(project, make_run(base, adapter), base, "reader", ["q8_0"], True)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(BadInput, match="make room"):
        worker.run(worker.read_spec(job)["request"])
    assert visible(project) == []
    assert not list(project.models.iterdir())


@pytest.mark.parametrize(
    ("systems", "expected", "finding"),
    [
        (["s", "s"], "s", None),
        (["s", "t"], "", "export.systems"),
        (["", ""], "", None),
        (None, "", "export.system_unknown"),
    ],
)
def test_the_system_prompt_is_served_only_when_all_samples_share_it(
    project, systems, expected, finding, tmp_path
):
    from tarot_tui.export.describe import trained_system

    if systems:
        register(project, "cards", systems)
    export = worker.Export(project, {"dataset": ["cards"], "max_samples": None}, tmp_path)
    system, findings = trained_system(export)
    assert system == expected and [one.id for one in findings] == ([finding] if finding else [])


def test_a_damaged_or_unknown_release_is_bad_input(project):
    with pytest.raises(BadInput, match="none yet"):
        read_release(project, "x")
    (project.models / "x").mkdir()
    (project.models / "x/release.json").write_text("{}")
    with pytest.raises(BadInput, match="damaged"):
        read_release(project, "x")
    with pytest.raises(BadInput, match="there are x"):
        read_release(project, "y")


def test_the_steps_of_an_export_are_recorded_and_what_cannot_be_a_gguf_is_said_before_the_merge(
    project, make_run, in_child, monkeypatch, copy_of, base, adapter
):
    from tarot_tui.jobs.steps import read

    job = requested(project, make_run(base, adapter), base, "reader", [], True)
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    assert worker.main() == 0
    assert {step.name: step.state for step in read(job)} == dict.fromkeys(
        ("check", "merge", "quantise", "describe"), "done"
    )
    strange = copy_of(base, "config.json", architectures=["TarotForCausalLM"])
    job = requested(project, make_run(strange, adapter), strange, "strange", ["q8_0"], True)
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    said = in_child("from tarot_tui.export.worker import main; assert main() == 3")
    assert "Merging" not in said
    assert [step.name for step in read(job) if step] == ["check", "merge", "quantise", "describe"]
