"""What the machine does while the job runs: CPU, memory, disk, network, every GPU, and what all that means in words."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from tarot_tui.locale import _
from tarot_tui.text import duration
from tarot_tui.tui.hints import Hint, hints
from tarot_tui.tui.machine import Machine
from tarot_tui.tui.spans import Run, Runs, bar, chop_words, fit, flow
from tarot_tui.tui.widgets.gpu_lines import (
    block,
    chip,
    fullness,
    gigabytes,
    noteworthy,
    pair,
    parts,
    row,
    short,
)
from tarot_tui.tui.widgets.lines import Lines
from tarot_tui.tui.widgets.node_lines import glance, groups, node_lines

#: Seconds without a new reading after which it is called old.
OLD = 5.0

#: Below the first width the panel is a column. From the second on a GPU has a row of its own, if there are not
#: more of them than this; otherwise each is a short piece. Above the last number they are shown by groups.
_COLUMN, _ROW, _ROWS_OF_GPUS, _MOST = 50, 76, 3, 16
#: Lines of a column that are left for the hints.
_WORDS = 3


class HardwarePanel(Lines):
    """One machine, or those of a run on several."""

    PREFIX = "hardware"
    COMPONENT_CLASSES = {
        *("hardware--title", "hardware--label", "hardware--track", "hardware--own"),
        *("hardware--ok", "hardware--warm", "hardware--hot"),
    }
    DEFAULT_CSS = """
    HardwarePanel { height: auto; }
    HardwarePanel .hardware--title { color: $text-primary; text-style: bold; }
    HardwarePanel .hardware--label { color: $text-muted; }
    HardwarePanel .hardware--track { color: $text-disabled; }
    HardwarePanel .hardware--own { color: $text-accent; text-style: bold; }
    HardwarePanel .hardware--ok { color: $gpu-ok; }
    HardwarePanel .hardware--warm { color: $gpu-warm; text-style: bold; }
    HardwarePanel .hardware--hot { color: $gpu-hot; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._machine = Machine()
        self._elsewhere: Mapping[int, Machine] = {}
        self._working = False
        #: Whether the panel has the screen to itself, and says all it knows.
        self.whole = False

    def show(
        self, machine: Machine, nodes: Mapping[int, Machine] | None = None, *, working: bool = False
    ) -> None:
        """Show a machine, and the run's other ones by number. working: whether its GPUs should be busy."""
        self._machine, self._elsewhere, self._working = machine, nodes or {}, working
        self.renew()

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """Host and GPUs: in a column of labelled bars where it is narrow, in rows otherwise."""
        machine = self._machine
        if not machine.sample:
            return [[("label", _("Hardware: no reading yet."))]]
        if self.whole:
            return self._everything(width)[: max(height, 1)]
        if height == 1 and machine.gpus:
            words = [
                run
                for name, _s, _r, said in host(machine)[:2]
                for run in (("label", f"{name} "), ("", f"{said}  "))
            ]
            return [fit([*words, *glance(machine)], width)]
        said = hints(machine, self._working)
        if width < _COLUMN:
            return self._column(width, height, said)
        lines = flow([*self._remark(), *map(_inline, host(machine))], width, 2)
        if self._by_group:
            return lines + node_lines(self._groups, width) + _sentences(said[:1], width)
        if len(machine.gpus) > _ROWS_OF_GPUS or width < _ROW:
            return lines + flow([chip(gpu) for gpu in machine.gpus], width, 2) + _sentences(said[:1], width)
        return lines + [row(gpu, width) for gpu in machine.gpus] + _sentences(said[:1], width)

    @property
    def _by_group(self) -> bool:
        return bool(self._elsewhere) or len(self._machine.gpus) > _MOST

    @property
    def _groups(self) -> list[Machine]:
        return [self._machine, *self._elsewhere.values()] if self._elsewhere else groups(self._machine)

    def _column(self, width: int, height: int, said: list[Hint]) -> list[Runs]:
        machine = self._machine
        title: Runs = [
            ("title", _("Hardware")),
            *(run for runs in self._remark() for run in [("", "  "), *runs]),
        ]
        lines = [title, *_bars(host(machine), width)]
        gpus = len(machine.gpus)
        if self._by_group:
            lines += [[], *node_lines(self._groups, width)]
        elif len(lines) + 5 * gpus + _WORDS <= height:
            for gpu in machine.gpus:
                lines += [[], *block(gpu, width)]
        elif len(lines) + 2 * gpus + _WORDS <= height:
            lines += [[], *(line for gpu in machine.gpus for line in pair(gpu, width))]
        elif len(lines) + 1 + gpus <= height or not gpus:
            lines += [[], *(fit(chip(gpu), width) for gpu in machine.gpus)]
        else:
            lines = [title, *flow(list(map(_inline, host(machine)[:2])), width, 2)]
            if len(lines) + gpus > height:
                lines += [fit(line, width) for line in node_lines(groups(machine), width)]
            lines += [fit(chip(gpu), width) for gpu in sorted(machine.gpus, key=noteworthy, reverse=True)]
            lines = lines[:height]
        room = max(height - len(lines) - 1, 0)
        words = _sentences(said, width)[:room]
        return lines + ([[]] if words else []) + words

    def _everything(self, width: int) -> list[Runs]:
        machine = self._machine
        lines = _sentences(hints(machine, self._working), width)
        lines += [[]] * bool(lines)
        lines += flow([*self._remark(), *map(_inline, host(machine))], width, 3)
        lines += flow([_inline(reading) for reading in traffic(machine)], width, 3)
        lines.append([])
        if self._by_group:
            lines += [*node_lines(self._groups, width), []]
        for gpu in filter(noteworthy, machine.gpus) if self._by_group else machine.gpus:
            lines += [row(gpu, width, bars=10 if width >= 110 else 6), *parts(gpu, width)]
        return lines

    def _remark(self) -> list[Runs]:
        machine = self._machine
        if machine.age is None:
            return [[("label", _("at its end"))]]
        if machine.age > OLD:
            return [[("warm", _("stale {time}").format(time=duration(machine.age)))]]
        return [] if machine.gpus or self._elsewhere else [[("label", _("no GPU"))]]


#: (name, share of 1 or None, role of the bar, what to say).
Reading = tuple[str, float | None, str, str]


def host(machine: Machine) -> list[Reading]:
    """CPU, memory and disk."""
    cpu = machine.value("cpu") or 0.0
    used, total = machine.value("ram_used"), machine.value("ram_total")
    full = used / total if used is not None and total else 0.0
    readings: list[Reading] = [
        ("CPU", cpu / 100, "ok", f"{cpu:3.0f} %"),
        ("RAM", full, fullness(full), gigabytes(used, total)),
    ]
    if rss := machine.value("rss"):
        readings.append((_("job"), None, "", f"{short(rss)} GB"))
    if free := machine.value("disk_free"):
        readings.append((_("disk"), None, "", _("{size} free").format(size=f"{short(free)} GB")))
    return readings


def traffic(machine: Machine) -> list[Reading]:
    """What goes over disk and network, where that is seen."""
    pairs = (
        (_("disk"), ("disk_read", _("reads")), ("disk_write", _("writes"))),
        (_("network"), ("net_in", _("in")), ("net_out", _("out"))),
    )
    found: list[Reading] = []
    for name, *ways in pairs:
        rates = [(word, machine.value(key)) for key, word in ways]
        words = [f"{word} {rate / 1e6:5.1f}" for word, rate in rates if rate is not None]
        if words:
            found.append((name, None, "", "  ".join(words) + " MB/s"))
    return found


def _bars(readings: list[Reading], width: int) -> list[Runs]:
    label = max(cell_len(name) for name, *_rest in readings) + 2
    room = max(4, width - label - 15)
    lines: list[Runs] = []
    for name, share, role, words in readings:
        head: Run = ("label", name + " " * (label - cell_len(name)))
        lines.append(
            [head, (role, words)] if share is None else [head, *bar(share, room, role), ("", f" {words}")]
        )
    return [fit(line, width) for line in lines]


def _inline(reading: Reading) -> Runs:
    name, share, role, words = reading
    return [
        ("label", f"{name} "),
        *([] if share is None else [*bar(share, 4, role), ("", " ")]),
        ("", words),
    ]


def _sentences(said: list[Hint], width: int) -> list[Runs]:
    return [[(role, line)] for role, sentence in said for line in chop_words(sentence, width)]
