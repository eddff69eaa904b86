"""``accelerate launch`` as a job's worker: it ends as what it launched ended, and outlives a request to end.

Of itself it would say of every failure only that there was one, with exit code 1 and a traceback of its own; and on
SIGTERM, which a machine that goes down sends to everybody, leave before its processes have saved.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

import psutil
from accelerate.commands.launch import launch_command, launch_command_parser
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from tarot_tui.jobs import retry, worker
from tarot_tui.project import Project


def main(argv: list[str]) -> int:
    """Launch ``argv`` (the arguments of ``accelerate launch``); returns the exit code, 128 + the signal that ended it."""
    signal.signal(signal.SIGTERM, _pass_on)
    _take_up_what_changed()
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
