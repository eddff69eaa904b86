"""Measuring instead of estimating: a few real steps in a child process, and what they say for a plan. No torch here."""

from __future__ import annotations

from collections.abc import Callable

from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.training import child
from tarot_tui.training.device import Device
from tarot_tui.training.launch import environment
from tarot_tui.training.measured import Experience, asked, remember
from tarot_tui.training.plan import Plan
from tarot_tui.training.recipe import Recipe

MODULE = "tarot_tui.training.engines.probe"

#: What a probe is called where a run would have its name.
SOURCE = "probe"
#: Seconds that the steps may take together, the first always being finished.
SECONDS = 60.0


def measure(
    project: Project,
    recipe: Recipe,
    plan: Plan,
    say: Callable[[str], None] = lambda line: None,
    seconds: float = SECONDS,
) -> Experience:
    """Take a few steps of ``recipe``, of which ``plan`` was made, and remember what they took.

    It can be stopped at any time, by ending this process or by an exception in ``say``. Raises Refused when the memory
    that is free does not suffice, TarotError when the steps failed.
    """
    request = {
        "project": str(project.root.resolve()),
        "recipe": recipe.model_dump(),
        "base": plan.base,
        "device": plan.device,
        "precision": plan.precision,
        "seconds": seconds,
    }
    failed = _("The steps that were to be measured failed: {reason}")
    found = child.ask(MODULE, request, failed, say, environment([Device(**plan.device)]))
    experience = Experience(
        SOURCE,
        asked(recipe, plan.base_fingerprint, plan.device["name"], plan.precision),
        peak=found["peak"],
        estimated=plan.memory["estimated"],
        speed=found["speed"],
    )
    remember(experience)
    return experience
