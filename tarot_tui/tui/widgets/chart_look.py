"""The colours of charts, for the chart itself and for the line above it that explains them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from tarot_tui.tui.widgets.lines import Lines

#: Colours of several runs.
COLOURS = 8


def colours_of(names: Iterable[str]) -> dict[str, int]:
    """A colour's number for each run: always the same for a name, as long as no other has it already."""
    chosen: dict[str, int] = {}
    for name in sorted(names):
        wanted = zlib.crc32(name.encode("utf-8", "replace")) % COLOURS
        free = [number % COLOURS for number in range(wanted, wanted + COLOURS)]
        chosen[name] = next((one for one in free if one not in chosen.values()), wanted)
    return chosen


class ChartLines(Lines):
    """Lines in the colours of charts."""

    PREFIX = "chart"
    COMPONENT_CLASSES = {
        *(f"chart--{role}" for role in ("axis", "grid", "raw", "smooth", "eval", "bad", "mark", "cursor")),
        *("chart--name", "chart--note"),
        *(f"chart--run{number}" for number in range(COLOURS)),
        *(f"chart--dim{number}" for number in range(COLOURS)),
    }
    DEFAULT_CSS = """
    ChartLines .chart--axis { color: $text-muted; }
    ChartLines .chart--grid { color: $text-disabled; }
    ChartLines .chart--cursor { color: $text-muted; }
    ChartLines .chart--name { color: $text-primary; text-style: bold; }
    ChartLines .chart--note { color: $text-muted; }
    ChartLines .chart--raw { color: $loss; }
    ChartLines .chart--smooth { color: $loss-smooth; text-style: bold; }
    ChartLines .chart--eval { color: $success; text-style: bold; }
    ChartLines .chart--mark { color: $secondary; text-style: bold; }
    ChartLines .chart--bad { color: $error; text-style: bold; }
    ChartLines .chart--run0 { color: #e5b94e; text-style: bold; }
    ChartLines .chart--run1 { color: #5aa9f5; text-style: bold; }
    ChartLines .chart--run2 { color: #6fbf73; text-style: bold; }
    ChartLines .chart--run3 { color: #ee8a4a; text-style: bold; }
    ChartLines .chart--run4 { color: #b48ee8; text-style: bold; }
    ChartLines .chart--run5 { color: #ec7584; text-style: bold; }
    ChartLines .chart--run6 { color: #45bfc8; text-style: bold; }
    ChartLines .chart--run7 { color: #b39a72; text-style: bold; }
    ChartLines .chart--dim0 { color: #e5b94e 45%; }
    ChartLines .chart--dim1 { color: #5aa9f5 45%; }
    ChartLines .chart--dim2 { color: #6fbf73 45%; }
    ChartLines .chart--dim3 { color: #ee8a4a 45%; }
    ChartLines .chart--dim4 { color: #b48ee8 45%; }
    ChartLines .chart--dim5 { color: #ec7584 45%; }
    ChartLines .chart--dim6 { color: #45bfc8 45%; }
    ChartLines .chart--dim7 { color: #b39a72 45%; }
    ChartLines:light .chart--run0 { color: #8a6810; }
    ChartLines:light .chart--dim0 { color: #8a6810 45%; }
    ChartLines:light .chart--run1 { color: #1f6fc0; }
    ChartLines:light .chart--dim1 { color: #1f6fc0 45%; }
    ChartLines:light .chart--run2 { color: #2f7d36; }
    ChartLines:light .chart--dim2 { color: #2f7d36 45%; }
    ChartLines:light .chart--run3 { color: #b3560f; }
    ChartLines:light .chart--dim3 { color: #b3560f 45%; }
    ChartLines:light .chart--run4 { color: #7447b8; }
    ChartLines:light .chart--dim4 { color: #7447b8 45%; }
    ChartLines:light .chart--run5 { color: #b8384a; }
    ChartLines:light .chart--dim5 { color: #b8384a 45%; }
    ChartLines:light .chart--run6 { color: #0d7a83; }
    ChartLines:light .chart--dim6 { color: #0d7a83 45%; }
    ChartLines:light .chart--run7 { color: #7a6238; }
    ChartLines:light .chart--dim7 { color: #7a6238 45%; }
    """
