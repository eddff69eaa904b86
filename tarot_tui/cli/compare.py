"""``tarot-tui compare RUN RUN…``"""

from __future__ import annotations

import re
import shutil
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, say, table
from tarot_tui.cli.watch import find_run
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import duration, one_line

if TYPE_CHECKING:
    from tarot_tui.jobs.compare import Side

#: Lines of a curve, and the most of its width.
_HEIGHT, _WIDTH = 6, 72


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help=_("two runs or more, each by name, the beginning of it, or -1, -2 …"),
    )


def run(args: Namespace) -> int:
    """Say what the recipes differ in, and what came of it.

    ``--json``: ``{"runs": [{name, state, steps, loss_last, eval_loss_best, …, loss, eval_loss}], "differences"}``.
    """
    from tarot_tui.jobs.compare import differences, side

    folders = list(dict.fromkeys(find_run(args, ref)[1] for ref in args.runs))
    if len(folders) < 2:
        raise BadInput(_("Name at least two different runs to compare."))
    sides = [side(folder) for folder in folders]
    found = differences(sides)
    if args.json:
        emit({"runs": [one.as_dict() for one in sides], "differences": found})
        return 0
    letters = [chr(ord("A") + index) for index in range(len(sides))]
    say(args, *(f"{letter}  {one.folder.name}" for letter, one in zip(letters, sides, strict=True)), "")
    if found:
        rows = [(key, *map(_shown, values)) for key, values in found.items()]
        say(args, *table(rows, (_("differs in"), *letters)), "")
    else:
        say(args, _("They were asked for the same."), "")
    say(args, *table(_outcomes(sides), (_("came to"), *letters)), "")
    say(args, *_curves(sides, letters))
    return 0


def _outcomes(sides: list[Side]) -> list[tuple[str, ...]]:
    from tarot_tui.jobs.status import Status, named

    def row(name: str, values: list[Any], form: str = "{}") -> tuple[str, ...]:
        return (name, *("–" if value is None else form.format(value) for value in values))

    best = [one.measured_best for one in sides]
    return [
        row(_("state"), [named(Status(state=one.state)) for one in sides]),
        row(_("steps"), [one.steps for one in sides]),
        row(_("loss at the end"), [one.loss_last for one in sides], "{:.4f}"),
        row(_("best measured loss"), [point and point[1] for point in best], "{:.4f}"),
        row(_("  at step"), [point and int(point[0]) for point in best]),
        row(
            _("last measured loss"),
            [one.measured[-1][1] if one.measured else None for one in sides],
            "{:.4f}",
        ),
        row(_("time"), [None if one.seconds is None else duration(one.seconds) for one in sides]),
        row(_("tokens"), [one.tokens for one in sides], "{:,}"),
    ]


def _curves(sides: list[Side], letters: list[str]) -> list[str]:
    """Each run's loss over the same axes, so that what looks lower is lower."""
    from tarot_tui.tui.widgets.braille import masks
    from tarot_tui.tui.widgets.frame import Frame, frame

    points = sorted(point for one in sides for point in one.loss)
    if not points:
        return []
    shared = frame(points, end=points[-1][0])
    shown = Frame(min(points[0][0], shared.right - 1), shared.right, shared.bottom, shared.top, shared.ticks)
    width = min(_WIDTH, shutil.get_terminal_size().columns - 8)
    lines = [_("loss, from {bottom:.3g} to {top:.3g}, over {steps:.0f} steps").format(
        bottom=shown.bottom, top=shown.top, steps=shown.right
    )]  # fmt: skip
    for letter, one in zip(letters, sides, strict=True):
        rows = masks(one.loss, shown, width, _HEIGHT)
        drawn = ["".join(chr(0x2800 + mask) for mask in row).rstrip("⠀") for row in rows]
        lines += ["", *(f"{letter if at == 0 else ' '} ⡇{row}" for at, row in enumerate(drawn))]
    return lines


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    # The first digits of a hash tell it apart.
    return text[:12] if re.fullmatch(r"[0-9a-f]{40,}", text) else one_line(text, 28)
