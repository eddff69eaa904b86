"""A recipe that is being made of somebody else's arguments: what is left of those, what became of them, and why."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tarot_tui.findings import Finding, Severity
from tarot_tui.project import Project
from tarot_tui.training.device import Device
from tarot_tui.training.presets import shown
from tarot_tui.training.recipe import Recipe


@dataclass
class Draft:
    """args: the arguments that nobody has taken yet. values: the recipe's keys so far. original: its keys as they were
    given, before any was mended. notes: key → why it was mended. device: what would train here."""

    project: Project
    device: Device
    args: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    original: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, default: Any = None) -> Any:
        """The argument ``name``, which then counts as dealt with."""
        value = self.args.pop(name, None)
        return default if value is None else value

    def number(self, name: str) -> float | None:
        """The recipe's value as a finite number, by default the recipe's own; None when it is none."""
        value = self.values.get(name)
        if value is None and not Recipe.model_fields[name].is_required():
            value = Recipe.model_fields[name].default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return value

    def mend(self, id: str, severity: Severity, text: str, **changes: Any) -> None:
        """Change the recipe's keys, and remember and say why."""
        self.values.update(changes)
        for key in changes:
            self.notes[key] = text
        fix = ", ".join(f"{key}: {shown(value) or 'null'}" for key, value in changes.items())
        self.findings.append(Finding(id, severity, text, fix=fix))

    def say(self, id: str, severity: Severity, text: str, fix: str = "") -> None:
        """Say what is worth knowing without changing a key."""
        self.findings.append(Finding(id, severity, text, fix=fix))


Check = Callable[[Draft], None]
