"""This machine's readings from a process of their own: a driver or a network disk may hang it, and never its reader.

``python -m tarot_tui.jobs.sampler FOLDER`` writes a sample a second, one JSON line each, until nobody reads them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Seconds between two samples.
EVERY = 1.0
#: Bytes that a line may have: a sample of 64 GPUs is a tenth of it.
_LONGEST = 1 << 20


class Sampler:
    """Readings of this machine, each handed to a function as it comes; none comes while the machine hangs."""

    def __init__(self, folder: Path, deliver: Callable[[dict[str, Any]], Any]) -> None:
        """``folder``: whose disk is looked at. ``deliver`` is called in a thread, and returns at once."""
        import subprocess  # the child, which runs this module too, needs none of it

        self._deliver = deliver
        self._stopped = False
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        threading.Thread(target=self._read, name="sampler", daemon=True).start()

    @property
    def pid(self) -> int:
        """The child process."""
        return self._child.pid

    def stop(self) -> None:
        """No reading after this. Returns at once: a child that cannot die now is left to do so later."""
        self._stopped = True
        with suppress(ProcessLookupError):
            self._child.kill()

    def _read(self) -> None:
        lines = self._child.stdout
        while lines and (line := lines.readline(_LONGEST)) and not self._stopped:
            with suppress(ValueError, RecursionError):
                sample = json.loads(line)
                if isinstance(sample, dict) and not self._stopped:
                    self._deliver(sample)
        # Here, where waiting holds up nobody.
        self._child.wait()


def main(argv: list[str]) -> int:
    """Write samples until the reader is gone."""
    from tarot_tui.jobs import hardware

    folder = Path(argv[0]) if argv else Path.cwd()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parent = os.getppid()
    hardware.sample(folder)  # rates and shares are counted from here
    time.sleep(0.2)
    # A parent that was killed may have left its end of the pipe to a child of its own.
    while os.getppid() == parent:
        print(json.dumps(hardware.sample(folder), separators=(",", ":")), flush=True)
        time.sleep(EVERY)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
