"""``accelerate launch`` as a job's worker: it ends as what it launched ended, and outlives a request to end.

Of itself it would say of every failure only that there was one, with exit code 1 and a traceback of its own; and on
SIGTERM, which a machine that goes down sends to everybody, leave before its processes have saved.
"""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tarot_tui.jobs import retry, worker
from tarot_tui.project import Project, read_yaml
from tarot_tui.training.engines import spare_bitsandbytes


def main(argv: list[str]) -> int:
    """Launch ``argv`` (the arguments of ``accelerate launch``); returns the exit code, 128 + the signal that ended it."""
    _take_up_what_changed()
    if module := _needs_no_launch(argv):
        spare_bitsandbytes()  # again: the recipe may just have got 4 bits
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    signal.signal(signal.SIGTERM, _pass_on)
    arguments = launch_command_parser().parse_args(argv)
    # torchrun would put its own in place, which kills who takes longer than 30 s to save.
    arguments.signals_to_handle = "SIGINT,SIGQUIT"
    try:
        launch_command(arguments)
    except subprocess.CalledProcessError as error:
        return _shell_code(error.returncode)
    except ChildFailedError as error:
        print(error, file=sys.stderr, flush=True)
        _rank, failure = error.get_first_failure()
        return _shell_code(failure.exitcode)
    except SignalException as error:
        return _shell_code(-error.sigval)
    return 0


def _needs_no_launch(argv: list[str]) -> str | None:
    """The module to run in this process, where accelerate would only start another one and wait for it.

    That would be torch imported twice: a quarter of the time until the model is loaded.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config_file", type=Path)
    parser.add_argument("--num_cpu_threads_per_process", default="1")
    parser.add_argument("-m", dest="module")
    known, more = parser.parse_known_args(argv)
    if more or not (known.config_file and known.module):
        return None
    if read_yaml(known.config_file).get("distributed_type") != "NO":
        return None
    os.environ["OMP_NUM_THREADS"] = known.num_cpu_threads_per_process
    return known.module


def _take_up_what_changed() -> None:
    folder = worker.job_dir()
    if folder and retry.taken(folder):
        from tarot_tui.training.ladder import record

        record(Project(folder.parent.parent), folder)


def _shell_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _pass_on(*_signal: Any) -> None:
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            child.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
