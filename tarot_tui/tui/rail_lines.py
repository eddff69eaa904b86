"""The seven steps as lines: which are done, and where one is. No Textual here."""

from __future__ import annotations

from collections.abc import Mapping

from tarot_tui.locale import _
from tarot_tui.tui.spans import Runs, cut
from tarot_tui.tui.steps import STEPS, Mark

#: Cells from which a second line per step says in words what its mark means.
_WIDE = 22


def rail_lines(folder: str, marks: Mapping[str, Mark], current: str, width: int) -> list[Runs]:
    """For the project in ``folder`` (a name) and the step ``current``. Roles: name, note, here, done, todo."""
    lines: list[Runs] = [[("name", "tarot-tui")], [("note", cut(folder, width))], []]
    for number, step in enumerate(STEPS, 1):
        mark = marks.get(step.id, Mark(False))
        here = step.id == current
        sign, role = ("▶", "here") if here else ("✓", "done") if mark.done else ("·", "todo")
        lines.append([(role, f"{number} {sign} {_(step.title)}")])
        if width >= _WIDE:
            lines += [[("note", "    " + _words(mark, here, width))], []]
    return lines


def _words(mark: Mark, here: bool, width: int) -> str:
    state = _("done") if mark.done else (_("here") if here else _("to do"))
    words = _("{state}: {note}").format(state=state, note=mark.note) if mark.note else state
    return cut(words, max(4, width - 5))
