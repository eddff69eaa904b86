"""No search for garbage at the start, and searches as ever once it is over."""

from __future__ import annotations

import gc
import subprocess
import sys

from tarot_tui.tui import memory


def test_after_the_start_garbage_is_looked_for_again():
    as_ever = gc.get_threshold()
    memory.hold()
    try:
        assert not gc.isenabled()
        memory.give_back()
        assert gc.isenabled() and 0 < gc.get_threshold()[0] <= 10_000
    finally:
        gc.set_threshold(*as_ever)
        gc.enable()
        gc.unfreeze()


def test_tls_is_there_for_whoever_needs_it_though_asyncio_was_imported_without():
    code = "import sys; from tarot_tui.tui.memory import import_asyncio as go; go(); print('ssl' in sys.modules); "
    code += "import asyncio, ssl; asyncio.run(asyncio.sleep(0)); go(); print(ssl.create_default_context() is not None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
