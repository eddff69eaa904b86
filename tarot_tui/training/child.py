"""Work with a tokenizer, in a process of its own: neither the command line nor the screens ever hold transformers.

The process hides torch from transformers, which needs it for neither configuration nor tokenizer and would be four
times as slow to start. One line of JSON asks, lines of JSON answer; what is no JSON is some library's word.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.locale import language
from tarot_tui.project import worker_python
from tarot_tui.text import one_line

Say = Callable[[str], None]


def command(module: str) -> list[str]:
    """The command line of the child that runs ``module``."""
    # -P: what lies in the working directory is not to be imported.
    return [worker_python(), "-P", "-m", module]


def environment() -> dict[str, str]:
    """The environment of a child: ours, with the language that is spoken now."""
    return os.environ | {"TAROT_TUI_LANG": language(), "TRANSFORMERS_VERBOSITY": "error"}


def ask(
    module: str,
    request: dict[str, Any],
    failed: str,
    say: Say = lambda _line: None,
    more: Mapping[str, str] | None = None,
) -> Any:
    """What the :func:`serve` of ``module`` makes of ``request``. ``say`` is told of whatever takes long; ``more`` is set in
    its environment.

    Raises what was raised there, and TarotError with ``failed`` and its ``{reason}`` when the child died.
    """
    with subprocess.Popen(
        command(module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment() | dict(more or {}),
    ) as process:
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.close()
            for line in process.stdout:
                if (found := understood(line, say)) is not None:
                    return found
            last = [line for line in process.stderr.read().splitlines() if line.strip()][-1:]
            raise TarotError(failed.format(reason=one_line(last[0]) if last else "?"))
        finally:
            process.kill()


def understood(line: str | bytes, say: Say = lambda _line: None) -> Any:
    """The result on one line of a child's output, None if it holds none. Raises the error that it holds."""
    try:
        found = json.loads(line)
    except ValueError:
        return None  # a library's word
    if not isinstance(found, dict):
        return None
    if "say" in found:
        say(str(found["say"]))
    if "error" in found:
        kinds = {kind.__name__: kind for kind in (BadInput, Refused, TarotError)}
        raise kinds.get(found["error"], TarotError)(found["text"])
    return found.get("result")


def serve(make: Callable[[dict[str, Any], Say], Any]) -> None:
    """The child's side: answer each request on stdin with what ``make`` makes of it, until there are no more."""

    for line in sys.stdin:
        try:
            answer(result=make(json.loads(line), lambda words: answer(say=words)))
        except TarotError as error:
            answer(error=type(error).__name__, text=str(error))


def answer(**facts: Any) -> None:
    """The child's side: one line."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def hide_torch() -> None:
    """Let transformers believe that there is no torch. To be called before it is imported."""
    sys.modules["torch"] = None  # type: ignore[assignment]
