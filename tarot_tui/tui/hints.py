"""What the readings of a machine mean, in words: plain functions, no Textual."""

from __future__ import annotations

from tarot_tui.locale import N_, _
from tarot_tui.text import duration, size
from tarot_tui.tui.machine import Gpu, Machine

#: Share of memory from which the next longer sample may not fit; percent of load under which a GPU waits.
NEARLY_FULL, IDLE = 0.95, 30
#: Bytes of disk below which a checkpoint may not fit.
_SCARCE = 2e9

#: (how grave: ``hot`` or ``warm``, sentence).
Hint = tuple[str, str]

_SLOWED = {
    "heat": N_("{gpu} is too hot and slows down: look at its cooling."),
    "brake": N_("{gpu} is slowed down by the power supply of the machine (power brake)."),
    "hardware": N_("{gpu} is slowed down by its hardware: heat, power or a fault."),
}


def hints(machine: Machine, working: bool) -> list[Hint]:
    """The gravest first. working: whether the run that is watched should be computing now."""
    if machine.age is None:
        # Of what is over only what may have ended it is worth a word.
        return [*_driver(machine), *_slowed(machine.gpus)]
    ours = [gpu for gpu in machine.gpus if gpu.ours] or [gpu for gpu in machine.gpus if gpu.full > 0.05]
    return [
        *_driver(machine),
        *_slowed(machine.gpus),
        *_memory(machine, ours if working else []),
        *(_waiting(machine, ours) if working else []),
        *_shared(ours),
    ]


def _driver(machine: Machine) -> list[Hint]:
    found: list[Hint] = []
    if machine.problem:
        found.append(("hot", _("The NVIDIA driver does not work: {reason}").format(reason=machine.problem)))
    if lost := [gpu for gpu in machine.gpus if gpu.lost]:
        sentence = _("{gpu} is lost: it fell off the bus, and comes back only when the machine is restarted.")
        found.append(("hot", sentence.format(gpu=_named(lost))))
    if stale := max((gpu.stale for gpu in machine.gpus), default=0.0):
        sentence = _("The NVIDIA driver has not answered for {time}.")
        found.append(("hot", sentence.format(time=duration(stale))))
    return found


def _slowed(gpus: tuple[Gpu, ...]) -> list[Hint]:
    found: list[Hint] = []
    for why, sentence in _SLOWED.items():
        if slow := [gpu for gpu in gpus if why in gpu.slowed]:
            found.append(("hot", _(sentence).format(gpu=_named(slow))))
    return found


def _memory(machine: Machine, ours: list[Gpu]) -> list[Hint]:
    found: list[Hint] = []
    if full := [gpu for gpu in ours if gpu.full >= NEARLY_FULL]:
        sentence = _("The memory of {gpu} is nearly full: a longer sample may not fit.")
        found.append(("warm", sentence.format(gpu=_named(full))))
    used, total = machine.value("ram_used"), machine.value("ram_total")
    if used and total and used / total >= NEARLY_FULL:
        found.append(("warm", _("The memory of the machine is nearly full: the system may end a process.")))
    free = machine.value("disk_free")
    if free is not None and free < _SCARCE:
        sentence = _("Only {size} is left on the disk: a checkpoint may not fit.")
        found.append(("hot", sentence.format(size=size(free))))
    return found


def _waiting(machine: Machine, ours: list[Gpu]) -> list[Hint]:
    loads = [machine.minute[gpu.index] for gpu in ours if gpu.index in machine.minute]
    if not loads or (mean := sum(loads) / len(loads)) >= IDLE:
        return []
    sentence = _(
        "{gpu} had {load} % to do in the last minute: reading the data is slow (dataloader_num_workers)."
    )
    return [("warm", sentence.format(gpu=_named(ours), load=round(mean)))]


def _shared(ours: list[Gpu]) -> list[Hint]:
    others = [(gpu, process) for gpu in ours if gpu.ours for process in gpu.processes if not process.ours]
    if not others:
        return []
    gpu, process = others[0]
    sentence = _("GPU {index} is shared with process {pid} of {user}.")
    return [("warm", sentence.format(index=gpu.index, pid=process.pid, user=process.user or "?"))]


def _named(gpus: list[Gpu]) -> str:
    """``GPU 0``, ``GPU 0, 3``: as a sentence names them."""
    indices = [gpu.index for gpu in gpus]
    shown = ", ".join(indices[:4]) + (" …" if len(indices) > 4 else "")
    return f"GPU {shown}"
