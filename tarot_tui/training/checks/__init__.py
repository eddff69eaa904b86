"""What a plan has to say: each check looks at the facts and yields findings, most with a recipe change as the fix.

By what they are about: :mod:`.data` (samples, cut, chat template), :mod:`.steps` (what happens when),
:mod:`.learning` (rates and ranks) and :mod:`.machine` (precision, memory, disk).
"""

from __future__ import annotations

from dataclasses import dataclass

from tarot_tui.findings import Finding
from tarot_tui.training.device import Device, Precision
from tarot_tui.training.encode import Sample
from tarot_tui.training.memory import Memory
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.samples import Samples
from tarot_tui.training.schedule import Schedule


@dataclass(frozen=True)
class Facts:
    """All that the checks look at.

    samples: tokenised and cut. positions: the longest text that the base can read, 0 when it does not say.
    parameters, trainable: of the base, and those of them or beside them that are learned. disk, free_disk: bytes that
    the checkpoints need, and that there are.
    """

    recipe: Recipe
    samples: Samples
    schedule: Schedule
    device: Device
    precision: Precision
    memory: Memory
    positions: int
    parameters: int
    trainable: int
    disk: int
    free_disk: int

    @property
    def all_samples(self) -> list[Sample]:
        """Those that are learned, those with nothing left to learn, and those that are measured on."""
        return self.samples.train + self.samples.empty + self.samples.evaluation


def findings(facts: Facts) -> list[Finding]:
    """Everything that every check has to say, in no particular order."""
    from tarot_tui.training.checks import data, learning, machine, steps

    return [
        finding
        for room in (data, steps, learning, machine)
        for check in room.CHECKS
        for finding in check(facts)
    ]
