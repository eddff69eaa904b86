"""Samples from one form into another: Alpaca, OpenAI messages, ShareGPT; JSON or JSON lines. What is lost is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tarot_tui.data import dataset, forms, overlay, record, registry, samples
from tarot_tui.data.build import check_name, publishing
from tarot_tui.data.forms import Checked, Raw
from tarot_tui.data.record import FileReport
from tarot_tui.data.registry import Entry
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line

Form = Literal["alpaca", "messages", "sharegpt"]
FORMS: tuple[Form, ...] = ("alpaca", "messages", "sharegpt")

_KEYS_SHOWN = 12


@dataclass
class Converted:
    """What came out. path: the data file. left_out: samples that are none. findings: what was lost, if anything."""

    name: str
    path: Path
    samples: int = 0
    left_out: int = 0
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The fields, JSON-ready."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class _Source:
    """Where samples come from. named: as it is asked for again; files: all that shaped them."""

    named: str
    files: list[Path]
    checked: Callable[[], Checked]


def convert(
    project: Project, what: str, name: str, to: Form, *, lines: bool = False, replace: bool = False
) -> Converted:
    """Write the samples of ``what``, a dataset or a file, as the dataset ``name`` in the form ``to``.

    Edits of a dataset go with it. lines: JSON lines instead of an array. Samples that are none are left out and said.
    Raises BadInput for anything wrong with the names or the file, and when nothing is left.
    """
    check_name(project, name, replace=replace)
    source = _source(project, what, name)
    has_system, has_history = _keys(source) if to == "alpaca" else (False, False)
    if lines and has_history:
        # Its reader takes the type of a column from the first 10 MB of lines, and an empty history has none.
        raise BadInput(
            _(
                "LLaMA-Factory may fail on Alpaca lines of which some have a history: use --to messages, or leave --jsonl out."
            )
        )
    path = project.data / (f"{name}.jsonl" if lines else f"{name}.json")
    report = Converted(name, path)
    checked, lost = source.checked(), _Lost(to)
    made = (
        _formed(sample, to, has_system, has_history)
        for raw, sample in checked.each(dataset.as_alpaca if to == "alpaca" else dataset.as_messages)
        if lost.seen(checked.entry, raw)
    )
    with publishing(project, name, path) as temporary:
        report.samples = (samples.write_lines if lines else samples.write)(temporary, made)
        if not report.samples:
            raise BadInput(_nothing(what, checked))
        files = [FileReport(project.relative(file), sha256=record.sha256(file)) for file in source.files]
        files[0].rows, files[0].samples, files[0].left_out = checked.read, report.samples, checked.left_out
        with record.writing(
            project,
            name,
            path,
            report.samples,
            by="convert",
            sources=files,
            named=[source.named],
            options={"to": to, "lines": lines},
        ):
            registry.register(project, name, entry_for(path.name, to, has_system, has_history))
    report.left_out = checked.left_out
    report.findings = checked.findings() + lost.findings()
    report.findings += overlay.findings(overlay.settle(project, name, path))
    return report


def entry_for(file_name: str, form: Form, has_system: bool, has_history: bool) -> dict[str, Any]:
    """What ``dataset_info.json`` says of a file of ours."""
    if form == "alpaca":
        return registry.alpaca(file_name, system=has_system, history=has_history)
    return registry.messages(file_name) if form == "messages" else registry.sharegpt(file_name)


def _source(project: Project, what: str, name: str) -> _Source:
    if what == name:
        raise BadInput(_("A dataset cannot be converted into itself; choose another name with -o."))
    if what in registry.read(project):
        entry = dataset.usable(project, what)
        assert entry.file
        edits = overlay.path_of(project, what)
        files = [entry.file, *([edits] if edits.is_file() else [])]
        return _Source(what, files, lambda: Checked(entry, dataset.numbered(project, entry)))
    path = Path(what)
    if not path.is_file():
        registry.entry(project, what)  # says which datasets there are
    if path.suffix.lower() not in (".json", ".jsonl", ".parquet"):
        raise BadInput(
            _(
                "{file}: samples are read from .json, .jsonl and .parquet; for documents use 'data build'."
            ).format(file=one_line(what, 200))
        )
    return _Source(project.relative(path), [path], lambda: forms.of_file(path))


def _keys(source: _Source) -> tuple[bool, bool]:
    """Whether any sample has a system prompt, and whether any has more than one answer."""
    has_system = has_history = False
    for _raw, sample in source.checked().each(dataset.as_alpaca):
        has_system |= "system" in sample
        has_history |= "history" in sample
        if has_system and has_history:
            break
    return has_system, has_history


def _formed(sample: Any, to: Form, has_system: bool, has_history: bool) -> Raw:
    if to == "alpaca":
        return samples.alpaca(sample, with_system=has_system, with_history=has_history)
    if to == "messages":
        return {"messages": sample}
    return {"conversations": forms.to_sharegpt(sample)}


class _Lost:
    """What the form has no place for."""

    def __init__(self, to: Form) -> None:
        self.to = to
        self.joined = 0
        self.keys: Counter[str] = Counter()

    def seen(self, entry: Entry, raw: Raw) -> bool:
        """Look at one sample; always True."""
        columns = entry.columns
        if self.to != "alpaca" and entry.formatting == "alpaca":
            self.joined += bool(raw.get(columns.get("query", "")) and raw.get(columns.get("prompt", "")))
        self.keys.update(_unread(entry, raw))
        return True

    def findings(self) -> list[Finding]:
        """One for each kind of loss."""
        found = []
        if self.joined:
            text = _(
                "In {count} samples instruction and input are one text now, as the model sees them; the way back cannot tell them apart."
            )
            found.append(Finding("data.input_joined", "warning", text.format(count=self.joined)))
        if self.keys:
            named = ", ".join(
                f"'{one_line(key, 40)}' ({count})" for key, count in self.keys.most_common(_KEYS_SHOWN)
            )
            text = _("Left out what the form has no place for, and training does not read: {keys}.")
            found.append(Finding("data.keys_lost", "warning", text.format(keys=named)))
        return found


def _unread(entry: Entry, raw: Raw) -> Iterator[str]:
    """The keys of a sample that hold something and are not read."""
    known = set(entry.columns.values())
    yield from (key for key, value in raw.items() if key not in known and value not in (None, "", [], {}))
    if entry.formatting != "alpaca":
        read = {entry.tags.get("role_tag"), entry.tags.get("content_tag")}
        within = {key for message in raw[entry.columns["messages"]] for key in message if key not in read}
        yield from (f"{entry.columns['messages']}.{key}" for key in within)


def _nothing(what: str, checked: Checked) -> str:
    if checked.problems:
        return "\n".join(checked.problems)
    return _("There is no sample in {file}, so no dataset was written.").format(file=one_line(what, 200))
