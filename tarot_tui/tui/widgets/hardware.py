"""What the machine does while the job runs: one line for each GPU, one for CPU, memory and disk."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from tarot_tui.locale import _
from tarot_tui.text import duration, one_line
from tarot_tui.tui.run_reader import number
from tarot_tui.tui.widgets.lines import Lines, Run, Runs, bar, fit, flow

#: °C from which a data-centre GPU is warm, and from which it soon slows itself down.
WARM, HOT = 75, 85
#: Share of GPU memory from which the next longer sample may not fit.
NEARLY_FULL = 0.95
#: Seconds without a new reading after which it is called old.
OLD = 5.0

#: Below the first width the panel is a column. From the second on a GPU has a row of its own, if there are not
#: more of them than this; otherwise each is a short piece.
_COLUMN, _ROW, _ROWS_OF_GPUS = 50, 76, 3


def gigabytes(used: float | None, total: float | None) -> str:
    """``12.1/32 GB`` (decimal, as GPUs and disks are sold)."""
    if used is None or total is None:
        return "–"
    return f"{_short(used)}/{total / 1e9:.0f} GB"


def _short(count: float) -> str:
    return f"{count / 1e9:.1f}" if count < 99.95e9 else f"{count / 1e9:.0f}"


class HardwarePanel(Lines):
    """The latest sample of ``hardware.jsonl`` (see :func:`tarot_tui.jobs.hardware.sample`)."""

    PREFIX = "hardware"
    COMPONENT_CLASSES = {
        "hardware--title",
        "hardware--label",
        "hardware--ok",
        "hardware--warm",
        "hardware--hot",
        "hardware--track",
    }
    DEFAULT_CSS = """
    HardwarePanel { height: auto; }
    HardwarePanel .hardware--title { color: $text-primary; text-style: bold; }
    HardwarePanel .hardware--label { color: $text-muted; }
    HardwarePanel .hardware--track { color: $text-disabled; }
    HardwarePanel .hardware--ok { color: $gpu-ok; }
    HardwarePanel .hardware--warm { color: $gpu-warm; text-style: bold; }
    HardwarePanel .hardware--hot { color: $gpu-hot; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sample: dict[str, Any] = {}
        self._age: float | None = 0.0

    def show(self, sample: dict[str, Any], age: float | None) -> None:
        """Show a sample that was taken ``age`` seconds ago; None: the job is over, and this is its last one."""
        self._sample, self._age = sample, age
        self.renew()

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """Host and GPUs: in a column of labelled bars where it is narrow, in rows otherwise."""
        if not self._sample:
            return [[("label", _("Hardware: no reading yet."))]]
        found = self._sample.get("gpus")
        gpus = [_checked(gpu) for gpu in found if isinstance(gpu, dict)] if isinstance(found, list) else []
        if width < _COLUMN:
            tall = 5 * len(gpus) + 6 <= height
            lines = [self._title(gpus), *_column(_host(self._sample), width)]
            for gpu in gpus:
                lines += [[], _name(gpu, width), *_column(_readings(gpu), width)] if tall else [_chip(gpu)]
            return lines
        lines = flow([*self._remark(gpus), *map(_inline, _host(self._sample))], width, 2)
        if len(gpus) > _ROWS_OF_GPUS or width < _ROW:
            return lines + flow([_chip(gpu) for gpu in gpus], width, 2)
        return lines + [_row(gpu) for gpu in gpus]

    def _title(self, gpus: list[dict[str, Any]]) -> Runs:
        return [
            ("title", _("Hardware")),
            *(run for runs in self._remark(gpus) for run in [("", "  "), *runs]),
        ]

    def _remark(self, gpus: list[dict[str, Any]]) -> list[Runs]:
        if self._age is None:
            return [[("label", _("at its end"))]]
        if self._age > OLD:
            return [[("warm", _("old: {time} ago").format(time=duration(self._age)))]]
        return [] if gpus else [[("label", _("no GPU"))]]


#: (name, share of 1 or None, role of the bar, what to say).
Reading = tuple[str, float | None, str, str]


def _host(sample: dict[str, Any]) -> list[Reading]:
    cpu = _number(sample, "cpu")
    used, total = _number(sample, "ram_used"), _number(sample, "ram_total")
    full = used / total if total else 0.0
    readings: list[Reading] = [
        ("CPU", cpu / 100, "ok", f"{cpu:3.0f} %"),
        ("RAM", full, _fullness(full), gigabytes(used, total)),
    ]
    if rss := _number(sample, "rss"):
        readings.append((_("job"), None, "", f"{_short(rss)} GB"))
    if free := _number(sample, "disk_free"):
        readings.append((_("disk"), None, "", _("{size} free").format(size=f"{_short(free)} GB")))
    return readings


def _readings(gpu: dict[str, Any]) -> list[Reading]:
    util, used, total = gpu["util"], gpu["mem_used"], gpu["mem_total"]
    full = used / total if used is not None and total else 0.0
    memory = gigabytes(used, total) + (" " + _("nearly full") if full >= NEARLY_FULL else "")
    role, heat = _heat(gpu["temp"])
    power = f"  {gpu['power']:.0f} W" if gpu["power"] is not None else ""
    readings: list[Reading] = [
        (_("load"), (util or 0) / 100, "ok", "–" if util is None else f"{util:3.0f} %"),
        (_("memory"), full, _fullness(full), memory),
        (_("heat"), None, role, heat + power),
    ]
    if gpu["stale"]:
        readings.append((_("driver"), None, "hot", _("does not answer")))
    return readings


def _column(readings: list[Reading], width: int) -> list[Runs]:
    label = max(cell_len(name) for name, *_rest in readings) + 2
    room = max(4, width - label - 15)
    lines: list[Runs] = []
    for name, share, role, words in readings:
        head: Run = ("label", name + " " * (label - cell_len(name)))
        lines.append(
            [head, (role, words)] if share is None else [head, *bar(share, room, role), ("", f" {words}")]
        )
    return lines


def _inline(reading: Reading) -> Runs:
    name, share, role, words = reading
    return [
        ("label", f"{name} "),
        *([] if share is None else [*bar(share, 4, role), ("", " ")]),
        ("", words),
    ]


def _name(gpu: dict[str, Any], width: int) -> Runs:
    return [("title", f"GPU {gpu['index']} "), ("label", _model(gpu, width - 8))]


def _row(gpu: dict[str, Any]) -> Runs:
    load, memory, *rest = _readings(gpu)
    line: Runs = [
        ("title", f"GPU {gpu['index']} "),
        ("label", _model(gpu, 14)),
    ]
    for _label, share, role, words in (load, memory):
        line += [("", "  "), *bar(share, 6, role), ("", f" {words}")]
    for _label, _share, role, words in rest:
        line += [("", "  "), (role, words)]
    return line


def _chip(gpu: dict[str, Any]) -> Runs:
    # 38 cells, so that two stand side by side on 80 columns.
    load, memory, (_label, _share, role, _words), *rest = _readings(gpu)
    used, total = gpu["mem_used"], gpu["mem_total"]
    amount = f"{used / 1e9:.0f}/{total / 1e9:.0f}" if used is not None and total else "–"
    unit = _("full") if memory[1] >= NEARLY_FULL else "GB"
    runs = [
        ("title", f"{gpu['index']:>2} "),
        *bar(load[1], 3, load[2]),
        ("", f" {load[3]:>5} "),
        *bar(memory[1], 2, memory[2]),
        (memory[2] if unit != "GB" else "", f" {amount} {unit:<5}"),
    ]
    runs.append(("hot", _("no answer")) if rest else (role, _heat(gpu["temp"])[1]))
    return fit(runs, 38)


def _model(gpu: dict[str, Any], width: int) -> str:
    return one_line(gpu["name"], width)


def _heat(celsius: float | None) -> tuple[str, str]:
    if celsius is None:
        return "", "–"
    role, word = (
        ("hot", _("hot")) if celsius >= HOT else ("warm", _("warm")) if celsius >= WARM else ("ok", _("ok"))
    )
    return role, f"{celsius:.0f} C {word}"


def _fullness(share: float) -> str:
    return "hot" if share >= NEARLY_FULL else "warm" if share >= 0.85 else "ok"


def _number(sample: dict[str, Any], key: str) -> float:
    return number(sample.get(key)) or 0.0


def _checked(gpu: dict[str, Any]) -> dict[str, Any]:
    # A folder may come from anywhere: what should be a number is one, or absent.
    readings = {key: number(gpu.get(key)) for key in ("util", "mem_used", "mem_total", "temp", "power")}
    return readings | {
        "index": one_line(str(gpu.get("index", "?")), 3),
        "name": one_line(str(gpu.get("name") or ""), 40).removeprefix("NVIDIA "),
        "stale": bool(gpu.get("stale")),
    }
