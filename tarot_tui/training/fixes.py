"""The fix of a finding, as a change of the recipe."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tarot_tui.findings import Finding
from tarot_tui.training.recipe import Recipe

_BETWEEN = re.compile(r", (?=\w+: )")


def changes(fix: str) -> dict[str, str]:
    """The keys of a recipe that ``fix`` (``cutoff_len: 192``, or several with commas between) changes, and their values
    as ``--set`` takes them; {} when it is something else, such as a command."""
    found = {}
    for part in _BETWEEN.split(fix) if fix else ():
        key, colon, value = part.partition(": ")
        if not colon or key not in Recipe.model_fields:
            return {}
        found[key] = value.strip()
    return found


def all_changes(findings: Iterable[Finding]) -> dict[str, str]:
    """What mends everything that can be mended by the recipe; where two findings disagree on a key, the first wins."""
    found: dict[str, str] = {}
    for finding in findings:
        asked = changes(finding.fix)
        if not asked.keys() & found.keys():
            found |= asked
    return found
