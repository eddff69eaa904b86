"""A remote of rclone (Google Drive, S3, another server …): rclone copies, and then compares what arrived."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.publish.contents import Item
from tarot_tui.text import one_line

#: Told what is happening, and how many of how many bytes are done.
Report = Callable[[str, int, int], None]


def remotes() -> set[str] | None:
    """The names of the remotes that rclone knows; None where there is no rclone."""
    program = shutil.which("rclone")
    if program is None:
        return None
    try:
        answer = subprocess.run([program, "listremotes"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {line.rstrip().removesuffix(":") for line in answer.stdout.splitlines() if line.strip()}


def send(items: list[Item], place: str, report: Report) -> None:
    """Copy ``items`` to ``remote:path``, what is there and equal left out. Raises TarotError in rclone's words."""
    total, done = sum(item.size for item in items), 0
    for item in items:
        report(item.name, done, total)
        _copy(item, place, lambda sent, item=item, done=done: report(item.name, done + sent, total))
        done += item.size
    for item in items:
        report(_("comparing what arrived"), total, total)
        parent = item.name.rpartition("/")[0]
        _run(["check", str(item.source), _below(place, parent), "--one-way"])


def _copy(item: Item, place: str, count: Callable[[int], None]) -> None:
    _run(["copyto", str(item.source), _below(place, item.name)], count)


def _below(place: str, name: str) -> str:
    if not name:
        return place
    return f"{place}{name}" if place.endswith((":", "/")) else f"{place}/{name}"


def _run(arguments: list[str], count: Callable[[int], None] = lambda sent: None) -> None:
    program = shutil.which("rclone")
    if program is None:
        raise TarotError(_("rclone is gone from this machine."))
    process = subprocess.Popen(
        [program, *arguments, "--use-json-log", "--stats", "1s", "--stats-log-level", "NOTICE"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        problem = _listen(process.stderr, count)
    except BaseException:
        process.terminate()
        raise
    finally:
        code = process.wait()
    if code:
        raise TarotError(_("rclone: {words}").format(words=one_line(problem, 300) or f"exit {code}"))


def _listen(lines: Iterable[str] | None, count: Callable[[int], None]) -> str:
    """Hand out the bytes that were sent; the last thing rclone complained of."""
    problem = ""
    for line in lines or ():
        try:
            said = json.loads(line)
        except ValueError:
            problem = line
            continue
        if said.get("level") in ("error", "critical"):
            problem = str(said.get("msg", ""))
        elif isinstance(said.get("stats"), dict):
            count(int(said["stats"].get("bytes") or 0))
    return problem
