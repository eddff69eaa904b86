"""What the workers of ours share: take the request out of the job, do it, and say how it ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.jobs import worker
from tarot_tui.jobs.spec import read_spec


class Stopped(Exception):
    """Somebody asked this job to stop; what is finished of it is kept."""


def main(do: Callable[[Path, dict[str, Any]], dict[str, Any]], hint: str) -> int:
    """Run ``do`` with the job's folder and its request; its facts go into ``result.json``. Returns the exit code.

    hint: the sentence for whoever starts the worker by hand. What TarotError says is the last line of the log, and the
    reason.
    """
    try:
        folder = worker.job_dir()
        if folder is None:
            raise BadInput(hint)
        worker.write_as_the_user()
        facts = do(folder, read_spec(folder)["request"])
    except Stopped:
        worker.result("stopped")
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        with suppress(OSError):  # the log has it
            worker.result("failed", reason=str(error))
        return error.exit_code
    else:
        worker.result("finished", **facts)
    return 0


def stop_if_asked() -> None:
    """Raise :class:`Stopped` when somebody asked this job to stop."""
    if worker.stop_requested():
        raise Stopped
