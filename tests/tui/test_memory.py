"""No search for garbage at the start, and searches as ever once it is over."""

from __future__ import annotations

import gc

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
