"""The download job. Reads ``job.yaml`` in ``TAROT_JOB_DIR``; what is there already is not fetched again."""

from __future__ import annotations

import os
import sys
import threading

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.hub.launch import on_disk
from tarot_tui.jobs import worker
from tarot_tui.jobs.spec import read_spec
from tarot_tui.locale import _
from tarot_tui.training.base import locate

_SECONDS = 1.0


def main() -> int:
    """Run the job and return its exit code; the last line of the log is then the reason."""
    try:
        folder = worker.job_dir()
        if folder is None:
            raise BadInput(_("This is the worker of a download: start one with 'tarot-tui models get NAME'."))
        request = read_spec(folder)["request"]
        threading.Thread(target=_tell, args=(request["name"], request["size"]), daemon=True).start()
        found = locate(request["name"], lambda line: print(line, flush=True))
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        return error.exit_code
    worker.progress(request["size"], request["size"], "bytes", request["name"])
    worker.result("finished", folder=str(found))
    return 0


def _tell(name: str, total: int) -> None:
    """Say how much has arrived, until the process ends; stop it when somebody asks, since nothing is lost by that."""
    moment = threading.Event()
    while True:
        worker.progress(min(on_disk(name), total), total, "bytes", name)
        if worker.stop_requested():
            worker.result("stopped")
            os._exit(0)
        moment.wait(_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
