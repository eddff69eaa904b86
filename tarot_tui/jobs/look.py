"""What a reader needs of a run, whoever started it: a job of ours, or a folder that something else writes to."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.jobs import files, foreign, nodes, status
from tarot_tui.jobs.metrics import MetricsReader
from tarot_tui.jobs.status import Status
from tarot_tui.locale import _


def status_of(folder: Path) -> Status:
    """How the run is. Never raises."""
    return foreign.status(folder) if foreign.is_foreign(folder) else status.read(folder)


def log_of(folder: Path) -> Path:
    """Where the run says in words what it does; the file may be missing."""
    return foreign.log(folder) if foreign.is_foreign(folder) else folder / files.LOG


def logs_of(folder: Path) -> dict[str, Path]:
    """The log of each process of the run by the process's name; its own log, with an empty name, comes first."""
    found = {"": log_of(folder)}
    ranks = {path.name.split(".")[1].removeprefix("rank"): path for path in folder.glob(files.rank_log("*"))}
    numbers = sorted(filter(str.isdigit, ranks), key=int)
    machines = sorted((folder / nodes.FOLDER).glob(f"*/{files.LOG}"))
    return (
        found
        | {_("rank {number}").format(number=number): ranks[number] for number in numbers}
        | {_("machine {number}").format(number=path.parent.name): path for path in machines}
    )


def metrics_of(folder: Path, thin_above: int | None = None) -> MetricsReader | foreign.ForeignMetrics:
    """Reads the rows of the run's trainer; ``thin_above`` as for :class:`tarot_tui.jobs.metrics.MetricsReader`."""
    if foreign.is_foreign(folder):
        return foreign.ForeignMetrics(folder, thin_above)
    return MetricsReader(folder / files.METRICS, thin_above=thin_above)
