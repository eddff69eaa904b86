"""Awaiting a function that may block, without ever having to wait for it at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_daemon(work: Callable[..., Result], *arguments: Any) -> Result:
    """``work(*arguments)`` in a daemon thread of its own; raises what it raises.

    Unlike ``asyncio.to_thread``, whose threads are joined when the loop closes, a call that hangs (a dead network
    disk, a driver) does not hold up quitting: it is left behind.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def body() -> None:
        try:
            outcome, set_it = work(*arguments), future.set_result
        except BaseException as error:
            outcome, set_it = error, future.set_exception
        # The loop may be closed by now: then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, set_it, outcome)

    threading.Thread(target=body, daemon=True, name=getattr(work, "__name__", "work")).start()
    return await future
