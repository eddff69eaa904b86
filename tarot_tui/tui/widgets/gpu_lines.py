"""One GPU as a line, a piece of a line, or one cell: plain functions, no Textual."""

from __future__ import annotations

from tarot_tui.locale import N_, _
from tarot_tui.text import duration, one_line
from tarot_tui.tui.hints import NEARLY_FULL
from tarot_tui.tui.machine import Gpu
from tarot_tui.tui.spans import Runs, bar, fit, width_of

#: °C from which a data-centre GPU is warm, and from which it soon slows itself down.
WARM, HOT = 75, 85

#: A cell that is filled from below to so many eighths.
LEVELS = " ⡀⣀⣄⣤⣦⣶⣷⣿"
_WHY = {
    "power": N_("power limit"),
    "heat": N_("too hot"),
    "brake": N_("power brake"),
    "hardware": N_("slowed"),
}


def gigabytes(used: float | None, total: float | None) -> str:
    """``12.1/32 GB`` (decimal, as GPUs and disks are sold)."""
    if used is None or total is None:
        return "–"
    return f"{short(used)}/{total / 1e9:.0f} GB"


def short(count: float) -> str:
    """Bytes as gigabytes in at most four characters."""
    return f"{count / 1e9:.1f}" if count < 99.95e9 else f"{count / 1e9:.0f}"


def fullness(share: float) -> str:
    """The role of memory that is full to this share."""
    return "hot" if share >= NEARLY_FULL else "warm" if share >= 0.85 else "ok"


def memory(gpu: Gpu) -> tuple[str, str]:
    """Role and words of its memory: ``60.0/86 GB``, ``85.1/86 full``."""
    words, full = gigabytes(gpu.used, gpu.total), gpu.full >= NEARLY_FULL
    return ("hot", words.replace("GB", _("full"))) if full else ("", words)


def load(gpu: Gpu) -> str:
    """Its load in words of five characters."""
    return "  –  " if gpu.util is None else f"{gpu.util:3.0f} %"


def heat(gpu: Gpu) -> tuple[str, str]:
    """Role and words of its temperature. As usual means without a colour: each change of colour costs the link more
    than the number."""
    if gpu.heat is None:
        return "", "–"
    role, word = (
        ("hot", _("hot")) if gpu.heat >= HOT else ("warm", _("warm")) if gpu.heat >= WARM else ("", _("ok"))
    )
    return role, f"{gpu.heat:.0f} C {word}"


def watts(gpu: Gpu) -> str:
    """``412/700 W``."""
    if gpu.power is None:
        return ""
    return f"{gpu.power:3.0f}" + (f"/{gpu.limit:.0f} W" if gpu.limit else " W")


def trouble(gpu: Gpu) -> str:
    """Why there is no new reading; empty when there is."""
    if gpu.lost:
        return _("lost")
    return _("stale {time}").format(time=duration(gpu.stale)) if gpu.stale else ""


def why_slow(gpu: Gpu) -> tuple[str, str]:
    """Role and words for why its clocks are held down; empty when they are not. At its power limit it works well."""
    reasons = [why for why in _WHY if why in gpu.slowed]
    if not reasons:
        return "", ""
    gravest = max(reasons, key=list(_WHY).index) if reasons != ["power"] else "power"
    return ("label" if gravest == "power" else "hot"), _(_WHY[gravest])


def noteworthy(gpu: Gpu) -> bool:
    """Whether it needs a line of its own where there are many."""
    hot = gpu.heat is not None and gpu.heat >= HOT
    return hot or gpu.full >= NEARLY_FULL or bool(trouble(gpu)) or why_slow(gpu)[0] == "hot"


def who(gpu: Gpu) -> Runs:
    """Whose processes compute on it, this run's first."""
    mine = [process for process in gpu.processes if process.ours]
    others = [process for process in gpu.processes if not process.ours]
    runs: Runs = [("own", _("this run") + (f" ×{len(mine)}" if len(mine) > 1 else ""))] if mine else []
    named = others[: 1 if mine else 2]
    for process in named:
        words = f"{process.user or '?'} {process.pid}"
        runs += [("", " " if runs else ""), ("warm" if mine else "label", words)]
    if len(others) > len(named):
        runs.append(("label", f" +{len(others) - len(named)}"))
    return runs


def spark(history: tuple[float, ...], width: int) -> str:
    """A history of percents as ``width`` cells, the latest at the right edge; two dots a cell, four levels."""
    dots = [None] * max(0, 2 * width - len(history)) + list(history[-2 * width :])
    left, right = (0, 0x40, 0x44, 0x46, 0x47), (0, 0x80, 0xA0, 0xB0, 0xB8)
    cells = ""
    for first, second in zip(dots[::2], dots[1::2], strict=True):
        mask = left[_level(first, 4)] | right[_level(second, 4)]
        cells += chr(0x2800 + mask) if mask else " "
    return cells


def _level(percent: float | None, most: int) -> int:
    if percent is None:
        return 0
    # Whatever is seen at all is more than nothing.
    return max(1, min(most, round(percent * most / 100)))


def cell(gpu: Gpu) -> tuple[str, str]:
    """Role and one character: its load as a level, ``x`` when it is lost, ``?`` when nothing is known."""
    if gpu.lost:
        return "hot", "x"
    if gpu.stale or gpu.util is None:
        return "warm", "?"
    hot = gpu.heat is not None and gpu.heat >= HOT
    return ("hot" if hot else "ok"), LEVELS[_level(gpu.util, 8)]


def chip(gpu: Gpu) -> Runs:
    """A GPU in 38 cells, so that two stand side by side on 80 columns. ``*``: this run computes on it."""
    head: Runs = [("title", f"{gpu.index:>2}"), ("own", "*" if gpu.ours else " ")]
    if trouble(gpu):
        return fit([*head, ("hot", trouble(gpu))], 38)
    amount = f"{gpu.used / 1e9:.0f}/{gpu.total / 1e9:.0f}" if gpu.used is not None and gpu.total else "–"
    unit = _("full") if gpu.full >= NEARLY_FULL else "GB"
    role = fullness(gpu.full)
    runs: Runs = [
        *head,
        *bar((gpu.util or 0) / 100, 3, "ok"),
        ("", f" {load(gpu):>5} "),
        *bar(gpu.full, 2, role),
        (role if unit != "GB" else "", f" {amount} {unit:<5}"),
    ]
    slow = why_slow(gpu)
    runs.append(slow if slow[0] == "hot" else heat(gpu))
    return fit(runs, 38)


def pair(gpu: Gpu, width: int) -> list[Runs]:
    """A GPU in two lines: the chip, and below it its history, power and users."""
    below: Runs = [("label", "   " + spark(gpu.history, 12)), ("", "  " + watts(gpu) + "  "), *who(gpu)]
    return [fit(chip(gpu), width), fit([] if trouble(gpu) else below, width)]


def row(gpu: Gpu, width: int, *, bars: int = 6) -> Runs:
    """A GPU on a line of its own: as many columns as there is room for, each of a width that never changes."""
    line: Runs = [
        ("title", f"GPU {gpu.index:<2} "),
        *bar((gpu.util or 0) / 100, bars, "ok"),
        ("", f" {load(gpu):>5}  "),
        *bar(gpu.full, bars, fullness(gpu.full)),
        *fit([("", " "), memory(gpu)], 13),
    ]
    if trouble(gpu):
        return fit([*line, ("hot", trouble(gpu))], width)
    columns: list[Runs] = [
        fit([heat(gpu)], 10),
        fit([("", watts(gpu))], 11),
        fit(who(gpu), 22 if width >= 100 else 14),
        fit([why_slow(gpu)], 12),
        [("label", spark(gpu.history, 20) + "  ")],
        [("label", one_line(gpu.name, 18))],
    ]
    for column in columns:
        if width_of(line) + width_of(column) > width:
            break
        line += column
    return fit(line, width)


def parts(gpu: Gpu, width: int) -> list[Runs]:
    """A line for each MIG instance."""
    return [
        fit([("label", f"      {number}  "), *bar(used / total if total else 0.0, 6, "ok"),
             ("", f" {gigabytes(used, total)}"), ("label", "  MIG")], width)
        for number, (used, total) in enumerate(gpu.parts)
    ]  # fmt: skip


def block(gpu: Gpu, width: int) -> list[Runs]:
    """A GPU in four lines, or in two when it says nothing, for a column with room."""
    head = fit([("title", f"GPU {gpu.index} "), ("label", one_line(gpu.name, max(width - 8, 1)))], width)
    if trouble(gpu):
        return [head, fit([("hot", trouble(gpu))], width)]
    room = width - 22
    last: Runs = [heat(gpu), ("", "  " + watts(gpu))]
    for more in ([why_slow(gpu)] if gpu.slowed else [], who(gpu)):
        if more and width_of(last) + 2 + width_of(more) <= width:
            last += [("", "  "), *more]
    return [
        head,
        fit(
            [
                *bar((gpu.util or 0) / 100, room, "ok"),
                ("", f" {load(gpu)}  "),
                ("label", spark(gpu.history, 12)),
            ],
            width,
        ),
        fit([*bar(gpu.full, room, fullness(gpu.full)), ("", " "), memory(gpu)], width),
        fit(last, width),
    ]
