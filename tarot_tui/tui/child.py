"""Running a command of ours as a child process: the very command that the screen shows, and its JSON answer."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line, plain

_PROGRAM = "tarot-tui"
#: Bytes of one line of output that are read at most; a longer line ends the child.
_LINE = 1 << 24
#: Seconds that an ended child is waited for.
_LAST_WORDS = 0.5


@dataclass(frozen=True)
class Answer:
    """What a command said: its exit code, its JSON documents in order, and its complaint (plain, may be empty)."""

    code: int
    documents: list[Any] = field(default_factory=list)
    complaint: str = ""

    @property
    def document(self) -> Any:
        """The last document. Raises TarotError with the command's own sentence when there is none."""
        if not self.documents:
            raise TarotError(
                self.complaint or _("The command ended with code {code}.").format(code=self.code)
            )
        return self.documents[-1]

    def expect_success(self) -> Any:
        """The last document of a command that ended with 0. Raises TarotError with its sentence otherwise."""
        if self.code:
            raise TarotError(
                self.complaint or _("The command ended with code {code}.").format(code=self.code)
            )
        return self.documents[-1] if self.documents else {}


def typed(argv: Sequence[str]) -> str:
    """The command line that a person would type for ``argv``, quoted for a POSIX shell."""
    return shlex.join([_PROGRAM, *argv])


async def run(
    project: Project,
    argv: Sequence[str],
    on_document: Callable[[Any], None] = lambda _document: None,
    given: str = "",
) -> Answer:
    """``tarot-tui ARGV --json``, run in the project folder; ``on_document`` is told every JSON line as it arrives.

    given: what the command reads from its standard input; what is secret goes that way.
    """
    return await ask(project, "tarot_tui", [*argv, "--json"], on_document, given)


async def ask(
    project: Project,
    module: str,
    argv: Sequence[str],
    on_document: Callable[[Any], None] = lambda _document: None,
    given: str = "",
) -> Answer:
    """``python -m MODULE ARGV`` in the project folder, in a session of its own.

    When the caller is cancelled the child and its children are ended.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *argv),
        cwd=project.root,
        stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_LINE,
    )
    if process.stdin:
        process.stdin.write(given.encode())
        process.stdin.close()
    errors = asyncio.create_task(process.stderr.read())
    documents = []
    try:
        async for line in process.stdout:
            with suppress(ValueError):
                documents.append(json.loads(line))
                on_document(documents[-1])
        return Answer(await process.wait(), documents, _complaint(await errors))
    finally:
        errors.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            # A loop that closes before its child has ended complains on the terminal.
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LAST_WORDS)


def _complaint(stderr: bytes) -> str:
    lines = [line for line in plain(stderr.decode("utf-8", "replace")).splitlines() if line.strip()]
    ours = [line.removeprefix(f"{_PROGRAM}: ") for line in lines if line.startswith(f"{_PROGRAM}: ")]
    # A line without our mark is a library's last word, which is more than nothing.
    return one_line((ours or lines or [""])[-1], 600)
