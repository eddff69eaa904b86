"""The installing job: runs the commands in its request, each once. Reads ``job.yaml`` in ``TAROT_JOB_DIR``."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.jobs import task, worker
from tarot_tui.jobs.steps import Steps
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Seconds between two looks for a request to stop.
_LOOK = 0.5


def main() -> int:
    """Run the job and return its exit code."""
    return task.main(_run, _("This is the worker of an installation: start one with 'tarot-tui setup'."))


def _run(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    run(folder, request["commands"])
    return {}


def run(folder: Path, commands: list[dict[str, Any]]) -> None:
    """Run what is not done yet. Raises TarotError with the first command that fails, in its own last words."""
    steps = Steps(folder, [command["name"] for command in commands])
    for number, command in enumerate(commands):
        task.stop_if_asked()
        worker.progress(number, len(commands), "steps", command["title"])
        with steps.step(command["name"], command["title"], key=shlex.join(command["argv"])) as step:
            if step:
                print(f"$ {shlex.join(command['argv'])}", flush=True)
                _execute(command["argv"])
    worker.progress(len(commands), len(commands), "steps", "")


def _execute(argv: list[str]) -> None:
    last = ""
    over = threading.Event()
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        threading.Thread(target=_end_when_asked, args=(process, over), daemon=True).start()
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                last = line.strip() or last
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
        finally:
            over.set()
    if code:
        task.stop_if_asked()
        raise TarotError(
            _("'{command}' failed with exit code {code}: {words}").format(
                command=one_line(shlex.join(argv), 120), code=code, words=one_line(last, 300)
            )
        )


def _end_when_asked(process: subprocess.Popen[str], over: threading.Event) -> None:
    """End ``process`` when the job is to stop: a download of gigabytes says nothing for minutes."""
    while not over.wait(_LOOK):
        if worker.stop_requested():
            process.terminate()
            return


if __name__ == "__main__":
    sys.exit(main())
