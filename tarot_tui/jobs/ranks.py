"""Of several processes that ended together: which fell first, and took the others with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.jobs import files, nodes
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.python_error import own_error

#: How a process says that another one left it alone: never the first to fall.
COLLECTIVE_TIMEOUT = (
    r"Watchdog caught collective operation timeout|(?:NCCL|nccl|gloo|Gloo|GLOO|TCPStore|DistStoreError).{0,200}(?:[Tt]ime[d]?[ -]?out)"
    r"|Timed out waiting \d+ms for (?:recv|send) operation"
)
COLLECTIVE_ERROR = (
    r"NCCL error|nccl(?:UnhandledCuda|System|Internal|Remote)Error|Connection (?:closed by|reset by) peer"
    r"|(?:Gloo|gloo).{0,200}(?:[Ff]ailed|[Bb]roken)|Broken pipe|recvValue failed|failed to recv"
)
_LEFT_ALONE = re.compile(f"{COLLECTIVE_TIMEOUT}|{COLLECTIVE_ERROR}")
#: What torchrun names as the first to fall on its machine (torch.distributed.elastic, ``ChildFailedError``).
_ROOT_CAUSE = re.compile(
    r"^Root Cause.*?^\s+rank\s+: (?P<rank>\d+) \(local_rank.*?^\s+exitcode\s+: (?P<code>-?\d+)",
    re.MULTILINE | re.DOTALL,
)
#: torchrun itself ends the others of its machine.
_SIGTERM = 15
_LINES = 400


@dataclass(frozen=True)
class Fallen:
    """The first to fall. log: what it said. signal: what killed it. silent: the others waited for it in vain."""

    rank: int
    log: Sequence[str] = ()
    signal: int | None = None
    silent: bool = False


def logs(job: Path, since: float) -> dict[int, list[str]]:
    """The last lines of every process but rank 0 of the attempt that began at ``since`` (seconds since the epoch)."""
    found = {}
    for path in job.glob(files.rank_log("*")):
        number = path.name.removeprefix(files.rank_log("*").partition("*")[0]).removesuffix(".txt")
        if number.isdigit() and path.stat().st_mtime >= since:
            lines = last_lines(path, _LINES)
            begins = [index for index, line in enumerate(lines) if line.startswith("--- ")]
            found[int(number)] = lines[begins[-1] + 1 :] if begins else lines
    return found


def other_machines(job: Path) -> list[str]:
    """The last lines that the launchers of the other machines said."""
    lines = []
    for number, status in nodes.read(job).items():
        lines += last_lines(job / nodes.FOLDER / str(number) / files.LOG, _LINES, status.log_from)
    return lines


def first_to_fall(
    log: Sequence[str], others: Mapping[int, Sequence[str]], elsewhere: Sequence[str] = ()
) -> Fallen | None:
    """Which of the processes fell first; None when there is one only, or none can be told from the rest.

    log: of rank 0, and of the launcher. others: of the other ranks. elsewhere: of other machines' launchers.
    """
    said = {0: log, **others}
    named = {rank: code for text in (log, elsewhere) for rank, code in _root_causes(text)}
    if len(said.keys() | named.keys()) < 2:
        return None
    errors = {rank: error.text for rank, lines in said.items() if (error := own_error(lines))}
    own = [rank for rank, text in errors.items() if not _LEFT_ALONE.search(text)]
    for rank, code in named.items():
        if rank in own:
            return Fallen(rank, said[rank])
        if code < 0 and code != -_SIGTERM and rank not in errors:
            return Fallen(rank, said.get(rank, ()), signal=-code)
    if own:
        return Fallen(own[0], said[own[0]])
    silent = [rank for rank in said if rank not in errors]
    if errors and len(silent) == 1 and any(re.search(COLLECTIVE_TIMEOUT, text) for text in errors.values()):
        return Fallen(silent[0], said[silent[0]], silent=True)
    return None


def _root_causes(log: Sequence[str]) -> Iterator[tuple[int, int]]:
    for found in _ROOT_CAUSE.finditer("\n".join(log)):
        yield int(found["rank"]), int(found["code"])
