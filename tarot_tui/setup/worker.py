"""The installing job: runs the commands in its request, each once. Reads ``job.yaml`` in ``TAROT_JOB_DIR``."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.jobs import worker
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.steps import Steps
from tarot_tui.locale import _
from tarot_tui.text import one_line

_WAIT = 10


class _Stopped(Exception):
    """Somebody asked this job to stop; the commands that are done are not run again."""


def main() -> int:
    """Run the job and return its exit code; the last line of the log is then the reason."""
    try:
        folder = worker.job_dir()
        if folder is None:
            raise BadInput(_("This is the worker of an installation: start one with 'tarot-tui setup'."))
        run(folder, read_spec(folder)["request"]["commands"])
    except _Stopped:
        worker.result("stopped")
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        return error.exit_code
    else:
        worker.result("finished")
    return 0


def run(folder: Path, commands: list[dict[str, Any]]) -> None:
    """Run what is not done yet. Raises TarotError with the first command that fails, in its own last words."""
    steps = Steps(folder, [command["name"] for command in commands])
    for number, command in enumerate(commands):
        worker.progress(number, len(commands), "steps", command["title"])
        with steps.step(command["name"], command["title"], key=shlex.join(command["argv"])) as step:
            if step:
                print(f"$ {shlex.join(command['argv'])}", flush=True)
                _execute(command["argv"])
    worker.progress(len(commands), len(commands), "steps", "")


def _execute(argv: list[str]) -> None:
    last = ""
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                last = line.strip() or last
                if worker.stop_requested():
                    raise _Stopped
        except BaseException:
            process.terminate()
            raise
        code = process.wait(_WAIT)
    if code:
        raise TarotError(
            _("'{command}' failed with exit code {code}: {words}").format(
                command=one_line(shlex.join(argv), 120), code=code, words=one_line(last, 300)
            )
        )


if __name__ == "__main__":
    sys.exit(main())
