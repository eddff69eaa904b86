"""Documents → samples → a registered dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.data import overlay, ready, record, registry, samples
from tarot_tui.data.record import FileReport
from tarot_tui.data.sources import Header, Note, Reading, collect, headers, kind, tables
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, replacing, safe_name
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.data.template import Template

_SKIPPED_SHOWN = 20


@dataclass
class BuildReport:
    """What a build made.

    path: the data file. samples: how many in all. files: one report per source, in the order read.
    findings: what was passed over, never errors.
    """

    name: str
    path: Path
    samples: int = 0
    files: list[FileReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: name, path, samples, files (path, rows, samples, left_out, sha256), findings."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class _Request:
    """What is to be read, and how. rules: the template; samples: the files that hold samples already."""

    files: list[Path]
    named: Sequence[Path]
    rules: Template
    reading: Reading
    samples: set[Path]


def build(
    project: Project,
    sources: Sequence[Path],
    name: str,
    template: Path | None = None,
    *,
    reading: Reading = Reading(),  # noqa: B008 (frozen)
    replace: bool = False,
    on_file: Callable[[FileReport], None] | None = None,
) -> BuildReport:
    """Make the dataset ``name`` of the files and folders ``sources`` and register it, as Alpaca.

    With ``template``: what it makes of each row. Without: files of samples (Alpaca, ShareGPT, OpenAI messages) are
    checked and taken over, and every cell, paragraph or line of the others becomes one sample, as the old batch script
    made them. ``reading``: which sheets, and which row names the columns. A dataset that an earlier build made is
    replaced; another one of that name only with ``replace``. ``on_file`` hears of each file when it has been read.

    Everything appears at once at the end or not at all. A file in a folder that cannot be read is an error among the
    findings, and what can be read of the others is built. Raises BadInput for anything wrong with the name, the
    files named, the template, or when no sample comes out.
    """
    check_name(project, name, replace=replace)
    skipped: list[Path] = []
    copies: list[tuple[Path, Path]] = []
    files = collect(sources, skipped.append, lambda copy, original: copies.append((copy, original)))
    report = BuildReport(name, project.data / f"{name}.json")
    request = _request(files, sources, template, reading, report)
    report.findings += _skipped(skipped) + [_copy(*pair) for pair in copies]
    try:
        _write(project, report, request, template, on_file)
    except PermissionError as error:
        raise BadInput(
            _("{path} cannot be written by you; choose another folder.").format(
                path=error.filename or project.data
            )
        ) from None
    report.findings += _quiet(report) + overlay.findings(overlay.settle(project, name, report.path))
    return report


def _request(
    files: list[Path], named: Sequence[Path], template: Path | None, reading: Reading, report: BuildReport
) -> _Request:
    from tarot_tui.data import fitting
    from tarot_tui.data import template as templates

    path = template or ready.path_of(ready.DEFAULT)
    assert path
    rules = templates.load(path)
    if reading.sheets:
        rules = rules.model_copy(update={"sheets": list(reading.sheets)})
    taken = set() if template else {file for file in files if kind(file) == "samples"}
    if template or rules.sheets:
        rest = [file for file in files if file not in taken]
        report.findings += fitting.check(rules, path, _headers(rest, named, reading))
    reading = changed(reading, sheets=tuple(rules.sheets or ()))
    return _Request(files, named, rules, reading, taken)


def check_name(project: Project, name: str, *, replace: bool = False) -> None:
    """Raise BadInput unless a build may write the dataset ``name``.

    Letters of any script may name one: the registry is escaped to ASCII, and a comma, at which LLaMA-Factory splits
    names, is none.
    """
    safe_name(name, _("dataset"))
    if f"{name}.json" == registry.FILE or name.endswith((".build", ".edits")):
        raise BadInput(_("'{name}' is a name that tarot-tui needs itself; choose another.").format(name=name))
    entry = registry.read(project).get(name)
    target = project.data / f"{name}.json"
    if target.is_dir():
        raise BadInput(_("{file} is in the way: it is a folder; choose another name.").format(file=target))
    if replace:
        return
    ours = bool(record.read(project, name))
    if entry is not None and not (ours and _is_plain(entry, name)):
        raise BadInput(
            _(
                "There is a dataset '{name}' that was not built here; choose another name, or add --replace."
            ).format(name=name)
        )
    if entry is None and not ours and target.exists():
        raise BadInput(
            _("{file} exists and was not built here; choose another name, or add --replace.").format(
                file=target
            )
        )


def _is_plain(entry: Any, name: str) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) <= {"file_name", "formatting", "columns", "tags"}
        and entry.get("file_name") in (f"{name}.json", f"{name}.jsonl")
    )


def _write(
    project: Project,
    report: BuildReport,
    request: _Request,
    template: Path | None,
    on_file: Callable[[FileReport], None] | None,
) -> None:
    has_system, has_history = _keys(request)
    made = _texts(project, request, report, has_system, has_history, on_file)
    with publishing(project, report.name, report.path) as temporary:
        report.samples = samples.write_texts(temporary, made)
        if not report.samples:
            raise BadInput(_nothing(report, template))
        with record.writing(
            project,
            report.name,
            report.path,
            report.samples,
            by="build",
            sources=report.files,
            named=[_storable(project.relative(path)) for path in request.named],
            options={"sheets": list(request.reading.sheets), "header": request.reading.header},
            template=_template(project, template, request.rules),
        ):
            registered = registry.alpaca(report.path.name, system=has_system, history=has_history)
            registry.register(project, report.name, registered)


@contextmanager
def publishing(project: Project, name: str, path: Path) -> Iterator[Path]:
    """A temporary file that becomes the data file ``path`` of ``name`` at last: whatever fails before leaves the old one.

    What ``name`` was before under the other suffix is removed. To be registered and recorded within.
    """
    project.data.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        yield temporary
    if record.read(project, name).get("file") == path.name:
        path.with_suffix(".jsonl" if path.suffix == ".json" else ".json").unlink(missing_ok=True)


def _keys(request: _Request) -> tuple[bool, bool]:
    """Whether the samples have the keys ``system`` and ``history``."""
    found = [(request.rules.has_system, request.rules.has_history)]
    if request.samples:
        from tarot_tui.data import forms

        found += [forms.keys_of(path) for path in request.samples]
    return any(system for system, _history in found), any(history for _system, history in found)


def _headers(files: Sequence[Path], named: Sequence[Path], reading: Reading) -> list[Header]:
    """The headers of all files that can be read; of the others is said when it comes to their rows."""
    found = []
    for path in files:
        try:
            found += headers(path, reading)
        except BadInput:
            if path in named:
                raise
    return found


def _texts(
    project: Project,
    request: _Request,
    report: BuildReport,
    has_system: bool,
    has_history: bool,
    on_file: Callable[[FileReport], None] | None,
) -> Iterator[list[str]]:
    for path in request.files:
        found = FileReport(_storable(project.relative(path)))
        report.files.append(found)
        try:
            found.sha256 = record.sha256(path)
            if path in request.samples:
                yield from _taken_over(path, found, report.findings.append, has_system, has_history)
            else:
                yield from _made(path, request, found, report.findings.append, has_system, has_history)
        except BadInput as error:
            if path in request.named:
                raise
            found.problem = str(error)
            report.findings.append(_unreadable(found))
        if on_file:
            on_file(found)


def _storable(path: str) -> str:
    """The path as UTF-8 can hold it: bytes of a name that are none become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _made(
    path: Path, request: _Request, found: FileReport, note: Note, has_system: bool, has_history: bool
) -> Iterator[list[str]]:
    """What the template makes of a document: the samples of each row, as ``samples.as_text`` makes them."""
    from tarot_tui.data import applying

    for table in tables(path, request.reading, note):
        yield from applying.texts(
            request.rules, table, found, note, with_system=has_system, with_history=has_history
        )


def _taken_over(
    path: Path, found: FileReport, note: Note, has_system: bool, has_history: bool
) -> Iterator[list[str]]:
    """The samples of a file that holds samples already."""
    from tarot_tui.data import dataset, forms

    checked = forms.of_file(path)
    for _raw, sample in checked.each(dataset.as_alpaca):
        found.samples += 1
        whole = samples.alpaca(sample, with_system=has_system, with_history=has_history)
        yield [samples.as_text(whole)]
    found.rows, found.left_out = checked.read, checked.left_out
    for finding in checked.findings():
        note(finding)


def _template(project: Project, path: Path | None, rules: Template) -> dict[str, Any] | None:
    if path is None:
        return None
    from tarot_tui.data.template import system_files

    files = [
        {"path": project.relative(file), "sha256": record.sha256(file)} for file in system_files(path, rules)
    ]
    is_ready = ready.is_ready(path)
    shown = path.stem if is_ready else project.relative(path)
    return {"path": shown, "sha256": record.sha256(path), "ready": is_ready, "files": files}


def _skipped(paths: list[Path]) -> list[Finding]:
    if not paths:
        return []
    shown = ", ".join(one_line(path.name, 60) for path in paths[:_SKIPPED_SHOWN])
    text = _("Passed over {count} files of other kinds: {files}.").format(
        count=len(paths), files=shown + (", …" if len(paths) > _SKIPPED_SHOWN else "")
    )
    return [Finding("data.other_kinds", "info", text)]


def _copy(copy: Path, original: Path) -> Finding:
    text = _("{file} is the same file as {original} and was read once.")
    text = text.format(file=one_line(str(copy)), original=one_line(str(original)))
    return Finding("data.same_file", "info", text)


def _unreadable(file: FileReport) -> Finding:
    text = one_line(file.problem, 400)
    if file.samples:
        text += " " + _("The {count} samples before it are in the dataset.").format(count=file.samples)
    return Finding("data.unreadable", "error", text)


def _quiet(report: BuildReport) -> list[Finding]:
    """What was read and gave little."""
    left_out = sum(file.left_out for file in report.files)
    found = []
    if left_out:
        text = _("Left out {count} samples whose question or answer would have had an empty cell.")
        found.append(Finding("data.empty_cells", "info", text.format(count=left_out)))
    for file in report.files:
        if not file.samples and not file.problem:
            text = _("{file} gave no samples.").format(file=one_line(file.path))
            found.append(Finding("data.no_samples", "info", text))
    return found


def _nothing(report: BuildReport, template: Path | None) -> str:
    if problems := [file.problem for file in report.files if file.problem]:
        return "\n".join(problems)
    files = one_line(", ".join(file.path for file in report.files))
    if template is None:
        return _("There is no text in {files}, so no dataset was written.").format(files=files)
    return _("{template} makes no sample out of {files}, so no dataset was written.").format(
        template=template, files=files
    )
