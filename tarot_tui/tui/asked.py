"""A child that is asked more than once: what it took long to load, it keeps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.training import child

#: Bytes of one line of output that are read at most.
_LINE = 1 << 24


class Asked:
    """Speaks with the :func:`.child.serve` of a module. The child starts with the first question."""

    def __init__(self, command: Sequence[str]) -> None:
        """``command``: the command line of the child."""
        self._command = list(command)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def ask(self, request: dict[str, Any]) -> Any:
        """What the module makes of ``request``. Raises what it raised, and TarotError when it died."""
        async with self._turn:
            process = await self._running()
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
                while line := await process.stdout.readline():
                    if (found := child.understood(line)) is not None:
                        return found
            except asyncio.CancelledError:
                # Its answer would be taken for that of the next question.
                await self._end()
                raise
            except (OSError, ValueError):
                pass
            await self._end()
            if self._closed:
                # Whoever asked is going too, and has nothing left to show a complaint on.
                raise asyncio.CancelledError
            raise TarotError(_("The tokenizer's process ended before it answered."))

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=child.environment(),
                start_new_session=True,
                limit=_LINE,
            )
        return self._process

    async def close(self) -> None:
        """End the child, whatever it is doing; nothing is asked any more."""
        self._closed = True
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            # Read to its end, the pipe is let go of before the loop closes. RuntimeError: whoever asks does so already.
            with suppress(OSError, ValueError, RuntimeError):
                await process.stdout.read()
            await process.wait()
