"""One look at every sample of a dataset, as the changes to it leave it."""

from __future__ import annotations

import hashlib
import shlex
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from tarot_tui.data import dataset, overlay
from tarot_tui.data.dataset import Conversation
from tarot_tui.data.overlay import Settled
from tarot_tui.data.quality import turns
from tarot_tui.data.quality.characters import Script, script
from tarot_tui.data.quality.kinds import KINDS, RULES, SampleFinding, about, numbered
from tarot_tui.data.quality.near import NearDuplicates
from tarot_tui.data.registry import Entry
from tarot_tui.data.sample_index import SampleIndex
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, worst_first
from tarot_tui.locale import _
from tarot_tui.project import Project

Raw = dict[str, Any]

#: What spreadsheet programs and libraries write into a cell that holds nothing.
_NOTHING = {"nan", "null", "n/a", "#n/a", "#ref!", "#value!"}


@dataclass
class Report:
    """What a dataset holds.

    samples: how many are learned. dropped, edited: how many of the file's are not, or differently.
    turns: answers in all. characters: of all answers. scripts: samples by the Chinese characters they are in.
    """

    name: str
    samples: int = 0
    dropped: int = 0
    edited: int = 0
    turns: int = 0
    characters: int = 0
    scripts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-ready keys and values."""
        return asdict(self)


def check(
    project: Project, name: str, held_out: str = "", on_sample: Callable[[int], None] = lambda _count: None
) -> Report:
    """Look at every sample of ``name``; ``held_out`` is the dataset that is to measure what was learned, if any.

    Nothing is changed. ``on_sample`` is told how many were looked at, after each. Raises BadInput for a dataset that cannot be read at all; a broken sample is a finding.
    """
    return _Check(project, name).run(held_out, on_sample)


class _Check:
    """The samples go by one at a time; of each only numbers and hashes are kept."""

    def __init__(self, project: Project, name: str) -> None:
        self.project = project
        self.entry = dataset.usable(project, name)
        self.report = Report(name)
        self.settled = overlay.settle(project, name, self.entry.file)
        self.found: defaultdict[str, array[int]] = defaultdict(lambda: array("Q"))
        self.examples: dict[str, str] = {}
        self.written: dict[str, Script] = {}  # the first of each kind
        self.near = NearDuplicates(self._text_of)
        self.places = array("Q")  # place among the texts of ``near`` → number
        self.wholes: dict[int, int] = {}
        self.prompts: dict[int, tuple[int, int]] = {}
        self.contradicting: set[int] = set()
        self.held_out: Entry | None = None
        self.learned = 0  # texts of ``near`` that are learned; those behind them are only measured on

    def run(self, held_out: str, on_sample: Callable[[int], None]) -> Report:
        for number, raw in dataset.numbered(self.project, self.entry):
            self.report.samples += 1
            self._look(number, raw)
            on_sample(self.report.samples)
        self.learned = len(self.places)
        if held_out:
            self._compare(held_out)
        changes = self.settled.by_number.values()
        self.report.dropped = sum(change.do == "drop" for change in changes)
        self.report.edited = sum(change.do == "edit" for change in changes)
        self._near_duplicates()
        self._contradictions()
        self._scripts()
        self.report.findings = worst_first(list(self._findings()))
        return self.report

    def _look(self, number: int, raw: Raw) -> None:
        try:
            messages = dataset.as_messages(self.entry, number, raw)
        except BadInput as error:
            self._note("turns" if turns.mended(self.entry, raw) else "broken", number, str(error))
            return
        said = [message["content"] for message in messages if message["role"] == "assistant"]
        self.report.turns += len(said)
        self.report.characters += sum(map(len, said))
        whole = "\n".join(message["content"] for message in messages)
        for rule in RULES:
            if what := rule.found(whole):
                self._note(rule.id, number, what)
        written = script(whole)
        if written.name:
            self._note(written.name, number)
            self.written.setdefault(written.name, written)
        if any(_is_empty(message["content"]) for message in messages if message["role"] != "system"):
            self._note("empty", number)
            return
        self._compare_exactly(number, messages)

    def _compare_exactly(self, number: int, messages: Conversation) -> None:
        asked, answer = _digest(messages[:-1]), _digest(messages[-1:])
        first = self.wholes.setdefault(hash((asked, answer)), number)
        if first != number:
            self._note("duplicate", number, f"{number} = {first}")
            return
        self.near.add(_text(messages))
        self.places.append(number)
        before, answered = self.prompts.setdefault(asked, (number, answer))
        if answered != answer:
            self.contradicting |= {before, number}

    def _compare(self, held_out: str) -> None:
        """What is measured on and was learned too measures nothing."""
        self.held_out = dataset.usable(self.project, held_out)
        for number, raw in dataset.numbered(self.project, self.held_out):
            try:
                messages = dataset.as_messages(self.held_out, number, raw)
            except BadInput:
                continue  # the other dataset's own check tells
            if known := self.prompts.get(_digest(messages[:-1])):
                self._note("leak", number, f"{number} = {known[0]}")
            else:
                self.near.add(_text(messages))
                self.places.append(number)

    def _near_duplicates(self) -> None:
        for first, *others in self.near.groups():
            for place in others:
                like = f"{self.places[place]} ≈ {self.places[first]}"
                if place < self.learned:
                    self._note("near_duplicate", self.places[place], like)
                elif first < self.learned:
                    self._note("leak", self.places[place], like)

    def _text_of(self, place: int) -> str:
        held_out = place >= self.learned
        entry = self.held_out if held_out else self.entry
        settled = self._held_out_settled if held_out else self.settled
        number = self.places[place]
        return _text(dataset.as_messages(entry, number, current(self._index(held_out), settled, number)))

    def _index(self, held_out: bool) -> SampleIndex:
        return self._held_out_index if held_out else self._own_index

    @cached_property
    def _own_index(self) -> SampleIndex:
        return SampleIndex(self.entry.file)

    @cached_property
    def _held_out_index(self) -> SampleIndex:
        return SampleIndex(self.held_out.file)

    @cached_property
    def _held_out_settled(self) -> Settled:
        return overlay.settle(self.project, self.held_out.name, self.held_out.file)

    def _contradictions(self) -> None:
        for number in sorted(self.contradicting):
            self._note("contradiction", number)

    def _scripts(self) -> None:
        counts = {name: len(self.found[name]) for name in ("traditional", "simplified", "mixed")}
        self.report.scripts = {name: count for name, count in counts.items() if count}
        less = "simplified" if counts["traditional"] >= counts["simplified"] else "traditional"
        for name in (less, "mixed"):
            for number in self.found[name]:
                self._note(f"script_{less}", number, getattr(self.written[name], less)[:12])

    def _note(self, what: str, number: int, example: str = "") -> None:
        self.found[what].append(number)
        self.examples.setdefault(what, example)

    def _findings(self) -> Iterator[Finding]:
        if not self.report.samples:
            yield Finding("data.none", "error", _("There is no sample to learn."))
        for kind in KINDS:
            if numbers := sorted(set(self.found.get(kind.id, ()))):
                of = self.held_out.name if kind.id == "leak" and self.held_out else self.report.name
                yield about(kind, numbers, of, self.examples.get(kind.id, ""))
        yield from (one for one in overlay.findings(self.settled) if one.id == "data.vanished")
        if changed := sorted(self.settled.by_number):
            text = _("{count} samples are edited or dropped; LLaMA-Factory reads the file without that.")
            command = f"tarot-tui data convert {shlex.quote(self.report.name)} -o …"
            yield SampleFinding(
                "data.changes", "info", text.format(count=len(changed)), numbered(changed), command,
                changed, self.report.name,
            )  # fmt: skip


def current(index: SampleIndex, settled: Settled, number: int) -> Raw:
    """Sample ``number`` as the changes leave it, or as it was before it was dropped."""
    change = settled.by_number.get(number)
    return change.to if change is not None and change.to is not None else index.raw(number)


def _is_empty(text: str) -> bool:
    return not text.strip() or text.strip().lower() in _NOTHING


def _text(messages: Conversation) -> str:
    return "\n".join(message["content"] for message in messages if message["role"] != "system")


def _digest(messages: Conversation) -> int:
    """A hash of what is said, blind to case, width and blanks."""
    said = "\0".join(
        message["role"] + " ".join(unicodedata.normalize("NFKC", message["content"]).casefold().split())
        for message in messages
    )
    return int.from_bytes(hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest())
