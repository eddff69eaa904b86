"""All kinds of faults that samples may have: how bad each is, and what may be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tarot_tui.data.quality import characters, private
from tarot_tui.findings import Finding, Severity
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line

#: ``safe``: nothing of worth is lost. ``asked``: only when it is named, since the samples may be meant so.
Fix = Literal["safe", "asked", "none"]

_SHOWN = 8


@dataclass(frozen=True)
class SampleFinding(Finding):
    """samples: the numbers, in ``dataset``, of all samples that it is about. fixable: how far it may be fixed."""

    samples: list[int] = field(default_factory=list)
    dataset: str = ""
    fixable: Fix = "none"


@dataclass(frozen=True)
class Kind:
    """One kind. sentence: with ``{count}``. hint: what to do by hand where nothing can be fixed."""

    id: str
    severity: Severity
    fixable: Fix
    sentence: str
    hint: str = ""


@dataclass(frozen=True)
class Rule(Kind):
    """What is told from one text alone. found: what is wrong, '' if nothing is. mend: the text without it."""

    found: Callable[[str], str] = lambda _text: ""
    mend: Callable[[str], str] = lambda text: text


RULES = (
    Rule(
        "secret", "error", "safe",
        N_("{count} samples seem to hold a key or a password; whoever gets the model could ask for it."),
        found=lambda text: private.found_in(text, private.SECRETS),
        mend=lambda text: private.masked(text, private.SECRETS),
    ),
    Rule(
        "personal", "warning", "asked",
        N_("{count} samples seem to hold personal data: mail addresses, phone, ID or card numbers."),
        found=lambda text: private.found_in(text, private.PERSONAL),
        mend=lambda text: private.masked(text, private.PERSONAL),
    ),
    Rule(
        "invisible", "warning", "safe",
        N_("{count} samples hold characters that nobody sees and the model would learn."),
        found=characters.invisible, mend=characters.without_invisible,
    ),
    Rule(
        "control", "warning", "safe",
        N_("{count} samples hold control characters, such as the line ends of Windows."),
        found=characters.control, mend=characters.without_control,
    ),
    Rule(
        "lost", "warning", "none",
        N_("{count} samples hold characters that an earlier conversion destroyed."),
        N_("build again from the document, saved as UTF-8"),
        found=characters.lost,
    ),
)  # fmt: skip

KINDS: tuple[Kind, ...] = (
    # What training refuses may be a fine sample for another program: dropping it is not for us to decide.
    Kind("broken", "error", "asked", N_("{count} samples cannot be read, and training would refuse them.")),
    Kind("turns", "error", "safe", N_("{count} samples have turns out of order, and training would refuse them.")),
    *RULES,
    Kind("empty", "warning", "safe", N_("{count} samples have an empty question or answer.")),
    Kind("duplicate", "warning", "safe", N_("{count} samples say the same as an earlier one.")),
    Kind("leak", "warning", "safe", N_("{count} samples to measure on are learned too, so they measure nothing.")),
    Kind("near_duplicate", "info", "asked", N_("{count} samples are almost the same as an earlier one.")),
    Kind(
        "contradiction", "info", "none",
        N_("{count} samples ask the same as another one and answer differently."),
        N_("keep one answer to each question, unless the variety is meant"),
    ),
    Kind(
        "script_simplified", "warning", "asked",
        N_("{count} samples hold simplified Chinese characters, most are in traditional ones."),
    ),
    Kind(
        "script_traditional", "warning", "asked",
        N_("{count} samples hold traditional Chinese characters, most are in simplified ones."),
    ),
)  # fmt: skip


def about(kind: Kind, samples: Sequence[int], dataset: str, example: str = "") -> SampleFinding:
    """The finding that ``samples`` of ``dataset`` are of this kind; ``example`` is what was found in the first."""
    evidence = numbered(samples)
    return SampleFinding(
        f"data.{kind.id}",
        kind.severity,
        _(kind.sentence).format(count=len(samples)),
        f"{evidence}: {one_line(example)}" if example else evidence,
        f"--fix {kind.id}" if kind.fixable != "none" else _(kind.hint) if kind.hint else "",
        list(samples),
        dataset,
        kind.fixable,
    )


def numbered(samples: Sequence[int]) -> str:
    """The first numbers of ``samples``, as they are shown."""
    shown = ", ".join(map(str, samples[:_SHOWN])) + (", …" if len(samples) > _SHOWN else "")
    return _("samples {numbers}").format(numbers=shown)
