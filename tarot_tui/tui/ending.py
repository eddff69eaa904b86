"""Leaving at once."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

from textual.app import App


def run_and_leave(app: App[Any]) -> NoReturn:
    """Run ``app`` until the user leaves, and end the process with its exit code in the same moment.

    Python's own tidying up only gives memory back that the system takes anyway. It costs as much as half a second on a
    busy machine, and waits for threads, of which one may hang in a driver or on a network disk.
    """
    app.run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(app.return_code or 0)
