"""How long the samples of a dataset are for a model: in its own tokens, rendered by its own chat template.

:func:`measure_in_child` does it in a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.data import dataset
from tarot_tui.data.dataset import Conversation
from tarot_tui.data.quality.kinds import Kind, SampleFinding, about
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.training import base, child
from tarot_tui.training.child import Say
from tarot_tui.training.encode import Sample, encode, load_tokenizer, special_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MODULE = "tarot_tui.training.lengths"

_BATCH = 256
#: Bars of the histogram, about.
_BARS = 10
_LEVELS = "⠀⡀⡄⡆⡇⣇⣧⣷⣿"

_UNRENDERED = Kind(
    "unrendered", "error", "none", N_("{count} samples are refused by the model's chat template."),
    N_("mend or drop them, or choose another model"),
)  # fmt: skip
_MARKS = Kind(
    "marks", "warning", "none",
    N_("{count} samples hold marks of the model's own, such as its end of turn, as if they were text."),
    N_("edit them: 'tarot-tui data edit NAME NUMBER'"),
)  # fmt: skip
_LOST = Kind(
    "cut_whole", "warning", "none", N_("{count} samples lose their whole answer to cutoff_len; nothing is learned of them."),
)  # fmt: skip
_CUT = Kind(
    "cut", "warning", "none", N_("{count} samples lose a part of their answer, or its end, to cutoff_len.")
)


@dataclass(frozen=True)
class Lengths:
    """Tokens are counted before the cut, unless it says otherwise.

    model: as it was asked for. length: ``p50``, ``p95`` and ``max`` of a sample. histogram: pairs of a bar's upper
    bound (tokens, inclusive) and the samples in it. tokens, supervised: of all samples after the cut, and those of
    them that are learned. truncated: samples longer than ``cutoff_len``. needed: the cutoff_len that cuts no answer.
    """

    model: str
    cutoff_len: int
    samples: int
    length: dict[str, int]
    histogram: list[list[int]]
    tokens: int
    supervised: int
    truncated: int
    needed: int
    findings: list[SampleFinding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The lengths as JSON-ready keys and values."""
        return asdict(self)

    def bars(self, width: int) -> list[str]:
        """The histogram as lines: tokens up to, a bar of at most ``width`` cells, samples; and where the cut falls."""
        most = max((count for _bound, count in self.histogram), default=0)
        lines, below = [], 0
        for bound, count in self.histogram:
            # Half a cell at least: the one long sample among a million is the one to be looked at.
            halves = max(round(2 * width * count / most), 1) if count else 0
            bar = "⠶" * (halves // 2) + "⠆" * (halves % 2)
            falls = self.truncated and below < self.cutoff_len <= bound
            cut = "  " + _("cut at {cutoff}").format(cutoff=self.cutoff_len) if falls else ""
            lines.append(f"{bound:>8,}  {bar:<{width}} {count:,}{cut}")
            below = bound
        return lines

    def spark(self) -> str:
        """The histogram in one line, a character a bar."""
        most = max((count for _bound, count in self.histogram), default=0)
        return "".join(
            _LEVELS[-(-8 * count // most)] if count else _LEVELS[0] for _bound, count in self.histogram
        )


def from_dict(found: dict[str, Any]) -> Lengths:
    """The lengths that :meth:`Lengths.as_dict` gave."""
    return Lengths(**{**found, "findings": [SampleFinding(**finding) for finding in found["findings"]]})


def measure(
    project: Project, name: str, model: str, tokenizer: PreTrainedTokenizerBase, cutoff_len: int
) -> Lengths:
    """Render and tokenise every readable sample of ``name``. A sample that cannot be read is no matter of lengths."""
    lengths: list[int] = []
    tokens = supervised = needed = 0
    faults: dict[str, list[int]] = {}
    examples: dict[str, str] = {}

    def note(kind: Kind, number: int, example: str = "") -> None:
        faults.setdefault(kind.id, []).append(number)
        examples.setdefault(kind.id, example)

    marks = _marks(tokenizer)
    for number, messages, sample in _encoded(project, name, tokenizer, cutoff_len):
        if mark := next((found[0] for one in messages if (found := marks.search(one["content"]))), ""):
            note(_MARKS, number, mark)
        if isinstance(sample, str):
            note(_UNRENDERED, number, sample)
            continue
        lengths.append(sample.length)
        tokens += len(sample.input_ids)
        supervised += sample.supervised
        needed = max(needed, sample.length)
        if not sample.supervised:
            note(_LOST, number)
        elif sample.cut:
            note(_CUT, number)
    return Lengths(
        model,
        cutoff_len,
        len(lengths),
        percentiles(lengths),
        histogram(lengths),
        tokens,
        supervised,
        sum(length > cutoff_len for length in lengths),
        needed,
        [
            replace(found, fix=f"cutoff_len: {needed}") if kind in (_LOST, _CUT) else found
            for kind in (_UNRENDERED, _MARKS, _LOST, _CUT)
            if kind.id in faults and (found := about(kind, faults[kind.id], name, examples[kind.id]))
        ],
    )


def _encoded(
    project: Project, name: str, tokenizer: PreTrainedTokenizerBase, cutoff_len: int
) -> Iterator[tuple[int, Conversation, Sample | str]]:
    """Number, conversation, and the sample or why the template refuses it; in batches, which is quicker."""
    readable = _readable(project, name)
    while some := list(islice(readable, _BATCH)):
        try:
            made: list[Sample | str] = [
                *encode(tokenizer, [messages for _number, messages in some], cutoff_len)
            ]
        except Refused:
            made = [_alone(tokenizer, messages, cutoff_len) for _number, messages in some]
        for (number, messages), sample in zip(some, made, strict=True):
            yield number, messages, sample


def _readable(project: Project, name: str) -> Iterator[tuple[int, Conversation]]:
    entry = dataset.usable(project, name)
    for number, raw in dataset.numbered(project, entry):
        try:
            yield number, dataset.as_messages(entry, number, raw)
        except BadInput:
            continue  # the look at the samples themselves says so


def _alone(tokenizer: PreTrainedTokenizerBase, messages: Conversation, cutoff_len: int) -> Sample | str:
    try:
        return encode(tokenizer, [messages], cutoff_len)[0]
    except Refused as refused:
        return str(refused)


def _marks(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Finds what a text may not hold: the tokenizer takes it for the mark itself, whoever wrote it."""
    known = tokenizer.added_tokens_decoder
    words = {str(known[index].content) for index in special_ids(tokenizer)}
    return re.compile("|".join(map(re.escape, sorted(filter(None, words), key=len, reverse=True))) or r"(?!)")


def percentiles(lengths: list[int]) -> dict[str, int]:
    """Median, 95th percentile and maximum, as ``p50``, ``p95`` and ``max``; zeros of nothing."""
    if not lengths:
        return {"p50": 0, "p95": 0, "max": 0}
    ordered = sorted(lengths)
    at = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in at.items()}


def histogram(lengths: list[int]) -> list[list[int]]:
    """Pairs of an upper bound and how many lengths lie up to it: equal steps of a round number, about ten of them."""
    if not lengths:
        return []
    step = _round_up(max(lengths) / _BARS)
    counts = [0] * -(-max(lengths) // step)
    for length in lengths:
        counts[max(length - 1, 0) // step] += 1
    return [[(place + 1) * step, count] for place, count in enumerate(counts)]


def _round_up(step: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50 …"""
    size = 1
    while True:
        for first in (1, 2, 5):
            if first * size >= step:
                return first * size
        size *= 10


def measure_in_child(
    project: Project, name: str, model: str, cutoff_len: int, say: Say = lambda _line: None
) -> Lengths:
    """:func:`measure` for the base model ``model`` (a folder or a name on the hub), in a process of its own.

    ``say`` is told of whatever takes long. Raises what :func:`.base.locate` and reading the dataset raise.
    """
    request = {"project": str(project.root.resolve()), "name": name, "model": model, "cutoff_len": cutoff_len}
    failed = _("The tokens could not be counted: {reason}")
    return from_dict(child.ask(MODULE, request, failed, say))


def _measure(request: dict[str, Any], say: Say) -> dict[str, Any]:
    project = Project(Path(request["project"]))
    folder = base.locate(request["model"], say, project.root)
    child.hide_torch()
    tokenizer = load_tokenizer(folder)
    return measure(project, request["name"], request["model"], tokenizer, request["cutoff_len"]).as_dict()


if __name__ == "__main__":
    child.serve(_measure)
