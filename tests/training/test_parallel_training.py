"""Two processes on one machine, and one on each of two (on the loopback): the curve of one process, whatever happens."""

from __future__ import annotations

import json
import signal
import socket
import time

import psutil
import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.jobs import control, launch, nodes, status
from tarot_tui.jobs.snapshot import snapshot
from tarot_tui.project import create
from tarot_tui.training.engines.checkpoints import last_complete
from tarot_tui.training.launch import join, make_job
from tarot_tui.training.parallel import layout, shared
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import Recipe, dump

STEPS = 30


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, tiny_llama):
    """A project, a recipe whose epochs do not divide evenly among processes, and its plan."""
    from tarot_tui.data import registry, samples

    project = create(tmp_path_factory.mktemp("parallel") / "project")
    rows = [
        {"instruction": f"What is card {n}?", "input": "", "output": f"Card {n} " * (n + 1)} for n in range(9)
    ]
    samples.write(project.data / "nine.json", rows)
    registry.register(project, "nine", registry.alpaca("nine.json", system=False))
    recipe = Recipe(
        model_name_or_path=str(tiny_llama), dataset="nine", per_device_train_batch_size=2,
        gradient_accumulation_steps=2, max_steps=STEPS, learning_rate=1e-3, lora_rank=4, save_steps=10,
        gradient_checkpointing=False,
    )  # fmt: skip
    return project, recipe, plan_in_child(project, recipe)


@pytest.fixture(scope="module")
def uninterrupted(prepared):
    """The curve of two processes that nobody disturbs; with dropout, since that hangs on each rank's random state."""
    job = make_job(*with_dropout(prepared), "uninterrupted", layout(2))
    launch.start(job)
    assert ended(job).state == "finished", (job / "log.txt").read_text()
    return curve(job)


@pytest.fixture
def started(prepared, hold_at):
    """Makes jobs that hold at a step, and starts them; ended by force after the test, should they still run."""
    made = []

    def start(*parallel, hold, dropout=False):
        job = make_job(*(with_dropout(prepared) if dropout else prepared), "run", layout(*parallel))
        made.append(job)
        hold_at(job, hold)
        launch.start(job)
        return job

    yield start
    for job in made:
        for folder in (job, *(job / nodes.FOLDER).glob("*")):
            if status.read(folder).alive:
                control.request(folder, "kill")
        for folder in (job, *(job / nodes.FOLDER).glob("*")):
            ended(folder)


def with_dropout(prepared):
    """The same, with every tenth number dropped at random."""
    project, recipe, plan = prepared
    return project, recipe.model_copy(update={"lora_dropout": 0.1}), plan


def ended(folder):
    """The status once nothing of the job runs any more."""
    deadline = time.monotonic() + 120
    while (found := status.read(folder)).alive and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def curve(job):
    """(step, loss, norm of the gradient) of every step."""
    lines = [json.loads(line) for line in (job / "trainer_log.jsonl").read_text().splitlines()]
    return [(line["current_steps"], line["loss"], line["grad_norm"]) for line in lines]


def wait_for_step(job, step):
    """Return once that step was logged."""
    deadline = time.monotonic() + 120
    log = job / "trainer_log.jsonl"
    while not log.exists() or log.read_text().count("\n") < step:
        assert status.read(job).alive and time.monotonic() < deadline, (job / "log.txt").read_text()
        time.sleep(0.02)


def processes(job):
    """The job's processes by rank, and without one under None."""
    found = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("TAROT_JOB_DIR") == str(job):
            found.setdefault(int(rank) if (rank := environment.get("RANK")) else None, []).append(process)
    return found


@pytest.mark.slow
def test_two_processes_stop_at_one_step_survive_the_loss_of_a_rank_and_learn_the_same(
    started, uninterrupted, hold_at
):
    job = started(2, hold=6, dropout=True)
    wait_for_step(job, 5)
    control.request(job, "stop")
    assert ended(job).state == "stopped"
    stopped_at = json.loads((job / "result.json").read_text())["step"]
    words = f"Stopped after step {stopped_at}"
    assert words in (job / "log.txt").read_text() and words in (job / "log.rank1.txt").read_text()
    assert "step 1/" not in (job / "log.rank1.txt").read_text()
    assert stopped_at < STEPS

    hold_at(job, stopped_at + 13)
    control.resume(job)
    wait_for_step(job, stopped_at + 12)
    ranks = processes(job)
    ranks[1][0].send_signal(signal.SIGKILL)
    found = ended(job)
    assert (found.state, found.cause) == ("failed", "killed"), found.reason
    assert found.reason.startswith("Rank 1 fell first.")
    everybody = [process for them in ranks.values() for process in them]
    assert not psutil.wait_procs(everybody, timeout=60)[1]

    (job / "hold").unlink()
    control.resume(job)
    assert ended(job).state == "finished", (job / "log.txt").read_text()
    assert curve(job) == uninterrupted
    assert (job / "adapter_model.safetensors").is_file()


@pytest.mark.slow
def test_two_machines_share_one_job_learn_what_one_process_does_and_fall_together(
    started, prepared, train_here
):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    job = started(2, 2, "127.0.0.1", port, hold=13)
    there = join(job, 1)
    wait_for_step(job, 12)
    here, other = status.read(job), status.read(there)
    assert here.supervisor != other.supervisor and here.state == other.state == "running"
    ranks = processes(job)
    for rank, machine in ((0, here), (1, other)):
        assert machine.worker.pid in {process.pid for process in ranks[rank][0].parents()}
    ranks[1][0].send_signal(signal.SIGKILL)
    (job / "hold").unlink()  # the other goes on, and waits for it in vain
    found = ended(job)
    assert (found.state, ended(there).state) == ("failed", "failed")
    assert found.reason.startswith("Rank 1 fell first."), found.reason
    assert snapshot(job).as_dict()["machines"]["1"]["state"] == "failed"
    everybody = [process for them in ranks.values() for process in them]
    assert not psutil.wait_procs(everybody, timeout=60)[1]

    assert last_complete(job, 2) and not list(there.glob("checkpoint-*"))
    assert not (there / "trainer_log.jsonl").exists()

    alone = make_job(*prepared, "alone")
    train_here(alone)
    assert len(curve(job)) >= 12
    for ours, same in zip(curve(job), curve(alone), strict=False):
        assert ours == pytest.approx(same, rel=1e-3)


def test_a_step_is_divided_so_that_it_sees_the_same_samples():
    recipe = Recipe(
        model_name_or_path="m", dataset="d", per_device_train_batch_size=4, gradient_accumulation_steps=3
    )
    shares = {
        count: (share.per_device_train_batch_size, share.gradient_accumulation_steps)
        for count in (1, 2, 3, 4, 6, 12)
        for share in [shared(recipe, count)]
    }
    assert shares == {1: (4, 3), 2: (3, 2), 3: (4, 1), 4: (3, 1), 6: (2, 1), 12: (1, 1)}
    assert all(batch * accumulated * count == 12 for count, (batch, accumulated) in shares.items())
    with pytest.raises(BadInput, match="multiple of 5"):
        shared(recipe, 5)


def test_a_layout_that_cannot_be_started_is_refused():
    assert layout(1, 2, "10.0.0.1").num_processes == 2
    with pytest.raises(BadInput, match="3 processes"):
        layout(3, 2)
    with pytest.raises(BadInput):
        layout(0)


def test_the_command_asks_the_other_machines_to_join_and_refuses_a_number_that_is_none(prepared, capsys):
    project, recipe, plan = prepared
    job = make_job(project, recipe, plan, "joined", layout(2, 2, "127.0.0.1"))
    typed = ["--project", str(project.root), "train", "--join", job.name]
    assert main([*typed, "--machine-rank", "2"]) == BadInput.exit_code
    assert "from 1 to 1" in capsys.readouterr().err
    (project.recipes / "nine.yaml").write_text(dump(recipe))
    typed = ["--project", str(project.root), "train", "nine", "--num-processes", "3"]
    assert main(typed) == BadInput.exit_code
    assert "multiple of 3" in capsys.readouterr().err
