"""Of two real processes one fails or hangs: the verdict names it, and not the one that complained."""

from __future__ import annotations

import pytest

from tarot_tui.jobs import files, launch, spec
from tarot_tui.jobs.classify import Ending, classify

#: Two processes add a number now and then, until rank 1 does as it is told.
ADDING = """
import sys, time
from datetime import timedelta
import torch
from torch import distributed
from tarot_tui.jobs import worker
worker.own_log()
distributed.init_process_group("gloo")
for step in range(5):
    distributed.all_reduce(torch.ones(1))
    print("step", step, flush=True)
if distributed.get_rank() == 1:
    if sys.argv[1] == "hang":
        time.sleep(600)
    raise ValueError("the deck has 77 cards")
# The last one is not waited for any longer than this.
options = distributed.AllreduceOptions()
options.timeout = timedelta(seconds=1 if sys.argv[1] == "hang" else 600)
distributed.group.WORLD.allreduce([torch.ones(1)], options).wait()
"""
CONFIGURATION = """
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
num_machines: 1
num_processes: 2
main_process_port: 0
mixed_precision: 'no'
use_cpu: true
"""


@pytest.mark.parametrize(
    ("what", "cause", "words"),
    [
        ("fail", "python_error", "Rank 1 fell first. ValueError: the deck has 77 cards (in adding.py:14"),
        ("hang", "collective_timeout", "Rank 1 fell silent"),
    ],
)
def test_the_rank_that_fell_first_is_named_with_its_reason(project, ended, cut_power, what, cause, words):
    argv = [
        "{python}", "-m", "tarot_tui.training.engines.accelerated", "--config_file", "{job}/accelerate.yaml",
        "--num_cpu_threads_per_process", "1", "{job}/adding.py", what,
    ]  # fmt: skip
    folder = spec.create(project, "train", what, argv, {})
    (folder / "adding.py").write_text(ADDING.lstrip())
    (folder / "accelerate.yaml").write_text(CONFIGURATION)
    try:
        launch.start(folder)
        found = ended(folder, 180)
        log = (folder / files.LOG).read_text()
        assert (found.state, found.cause) == ("failed", cause), log
        assert found.reason.startswith(words), log
        assert "step 4" in log and "step 4" in (folder / files.rank_log(1)).read_text()
        assert log.count("step 4") == 1
    finally:
        cut_power(folder)


WATCHDOG = [
    "[rank0]:[E1124 08:56:34.501 ProcessGroupNCCL.cpp:685] [Rank 0] Watchdog caught collective operation timeout",
    "Traceback (most recent call last):",
    '  File "native.py", line 9, in <module>',
    "torch.distributed.DistBackendError: [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12, "
    "OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600029 milliseconds before timing out.",
]


def test_nccls_watchdog_names_who_waited_and_the_verdict_who_was_waited_for():
    verdict = classify(Ending(exit_code=1, log=WATCHDOG, others={1: WATCHDOG, 2: ["step 4"], 3: WATCHDOG}))
    assert (verdict.cause, verdict.reason[:19]) == ("collective_timeout", "Rank 2 fell silent,")
    everybody = classify(Ending(exit_code=1, log=WATCHDOG, others={1: WATCHDOG}))
    assert everybody.cause == "collective_timeout" and "Rank" not in everybody.reason


def test_a_rank_of_another_machine_that_was_killed_is_known_from_that_machines_launcher():
    here = ["Traceback (most recent call last):", '  File "native.py", line 9, in <module>',
            "RuntimeError: [/gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.2]:44198."]  # fmt: skip
    there = ["Root Cause (first observed failure):", "[0]:", "  rank      : 1 (local_rank: 0)",
             "  exitcode  : -9 (pid: 20813)"]  # fmt: skip
    verdict = classify(Ending(exit_code=1, log=here, others={1: []}, elsewhere=there))
    assert verdict.cause == "killed" and verdict.reason.startswith(
        "Rank 1 fell first. It was killed (signal 9)"
    )
    assert verdict.reason.endswith("Its log: log.rank1.txt.")
