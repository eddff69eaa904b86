"""Mending what a check found: as changes beside the data file, each kind one change that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tarot_tui.data import dataset, overlay
from tarot_tui.data.overlay import Wish
from tarot_tui.data.quality import characters, turns
from tarot_tui.data.quality.check import Report, current
from tarot_tui.data.quality.kinds import KINDS, RULES, SampleFinding
from tarot_tui.data.registry import Entry
from tarot_tui.data.sample_index import SampleIndex
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line

Raw = dict[str, Any]
Mend = Callable[[Entry, Raw], Raw | None]

_DROPPED = ("broken", "empty", "duplicate", "near_duplicate", "leak")


@dataclass(frozen=True)
class Fixed:
    """What was done. change: its number in ``dataset``'s changes."""

    id: str
    dataset: str
    samples: int
    dropped: bool
    change: int


def fix(project: Project, report: Report, wanted: Sequence[str] = ()) -> list[Fixed]:
    """Fix the findings of ``report`` named by ``wanted`` (with or without ``data.``), or all that are safe to fix.

    Raises BadInput for a name that is no kind of fault, or one that cannot be fixed.
    """
    names = [name.removeprefix("data.") for name in wanted]
    _check_names(names)
    return [
        done
        for finding in report.findings
        if isinstance(finding, SampleFinding)
        and (finding.id.removeprefix("data.") in names if names else finding.fixable == "safe")
        and (done := _fix(project, finding))
    ]


def _check_names(names: Iterable[str]) -> None:
    fixable = {kind.id: kind.fixable != "none" for kind in KINDS}
    for name in names:
        if not fixable.get(name):
            reason = (
                _("'{name}' can only be mended by hand; these can be fixed: {known}.")
                if name in fixable
                else _("There is no fix '{name}'; there is {known}.")
            )
            known = ", ".join(sorted(name for name, can in fixable.items() if can))
            raise BadInput(reason.format(name=one_line(name, 60), known=known))


def _fix(project: Project, finding: SampleFinding) -> Fixed | None:
    id = finding.id.removeprefix("data.")
    entry = dataset.usable(project, finding.dataset)
    settled = overlay.settle(project, entry.name, entry.file)
    index = SampleIndex(entry.file)
    mend = None if id in _DROPPED else _mend_of(id)
    wishes = []
    for number in finding.samples:
        raw = index.raw(number)
        if mend is None:
            wishes.append(Wish(number, raw, "drop"))
            continue
        now = current(index, settled, number)
        then = mend(entry, now)
        if then is not None and then != now:
            wishes.append(Wish(number, raw, "edit", then))
    index.close()
    if not wishes:
        return None
    change = overlay.add(project, entry.name, entry.file, wishes, finding.id)
    return Fixed(finding.id, entry.name, len(wishes), id in _DROPPED, change)


def _mend_of(id: str) -> Mend:
    if id == "turns":
        return turns.mended
    if id.startswith("script_"):
        convert = characters.converter("traditional" if id == "script_simplified" else "simplified")
    else:
        convert = next(rule.mend for rule in RULES if rule.id == id)
    return lambda _entry, raw: _converted(raw, convert)


def _converted(value: Any, convert: Callable[[str], str]) -> Any:
    """``value`` with every text in it converted; keys stay."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, list):
        return [_converted(one, convert) for one in value]
    if isinstance(value, dict):
        return {key: _converted(one, convert) for key, one in value.items()}
    return value
