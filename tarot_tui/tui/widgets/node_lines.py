"""Many GPUs at a glance: a line for each machine or each eight of them, a cell for each GPU. Plain functions, no Textual."""

from __future__ import annotations

from dataclasses import replace

from tarot_tui.locale import _
from tarot_tui.text import duration
from tarot_tui.tui.machine import Gpu, Machine
from tarot_tui.tui.spans import Runs, fit
from tarot_tui.tui.widgets.gpu_lines import HOT, WARM, cell, fullness, gigabytes

#: GPUs of one machine that share a line.
EIGHT = 8
#: Seconds after which the reading of another machine is old.
_OLD = 15.0


def groups(machine: Machine) -> list[Machine]:
    """One machine's GPUs by eights, each as if it were a machine."""
    eights = [machine.gpus[at : at + EIGHT] for at in range(0, len(machine.gpus), EIGHT)]
    return [replace(machine, gpus=eight, name=f"GPU {eight[0].index}–{eight[-1].index}") for eight in eights]


def node_lines(machines: list[Machine], width: int) -> list[Runs]:
    """A line for each: its GPUs' loads as levels, their mean, the fullest memory, the hottest, all their power."""
    return [fit(_line(number, machine), width) for number, machine in enumerate(machines)]


def glance(machine: Machine) -> Runs:
    """All its GPUs in one piece: for where there is one line."""
    return [("label", "GPU "), *map(cell, machine.gpus), ("", " "), *_summary(machine)]


def _line(number: int, machine: Machine) -> Runs:
    name = machine.name or _("machine {number}").format(number=number)
    line: Runs = [
        ("title", f"{name:<11.11} "),
        *map(cell, machine.gpus),
        ("", " " * max(1, 9 - len(machine.gpus))),
    ]
    if machine.age is not None and machine.age > _OLD:
        return [*line, ("warm", _("stale {time}").format(time=duration(machine.age)))]
    return line + _summary(machine)


def _summary(machine: Machine) -> Runs:
    line: Runs = []
    said = [gpu for gpu in machine.gpus if not gpu.lost]
    loads = [gpu.util for gpu in said if gpu.util is not None]
    line.append(("", f"{sum(loads) / len(loads):3.0f} %  " if loads else "  –    "))
    line += _fullest(said)
    line += _hottest(said)
    if power := sum(gpu.power or 0.0 for gpu in said):
        line.append(("", f"{power / 1000:.1f} kW  "))
    if lost := [gpu.index for gpu in machine.gpus if gpu.lost]:
        line.append(("hot", _("lost: {gpus}").format(gpus=", ".join(lost))))
    return line


def _fullest(gpus: list[Gpu]) -> Runs:
    fullest = max(gpus, key=lambda gpu: gpu.full, default=None)
    if fullest is None or fullest.used is None:
        return []
    role = fullness(fullest.full)
    return [("" if role == "ok" else role, f"{gigabytes(fullest.used, fullest.total):<11}  ")]


def _hottest(gpus: list[Gpu]) -> Runs:
    degrees = [gpu.heat for gpu in gpus if gpu.heat is not None]
    if not degrees:
        return []
    hottest = max(degrees)
    return [("hot" if hottest >= HOT else "warm" if hottest >= WARM else "", f"{hottest:.0f} C  ")]
